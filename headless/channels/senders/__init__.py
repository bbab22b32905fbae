"""How providers want a message over HTTP, and what their answers mean: pure, one module each."""
