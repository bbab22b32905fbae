"""What is said: templates and the components made of them."""
