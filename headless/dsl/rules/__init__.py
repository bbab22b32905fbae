"""The methods of the grammar's rules, in the rooms of the tree; `build` joins them to a builder."""
