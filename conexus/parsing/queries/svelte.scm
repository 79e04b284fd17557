;; references
((tag_name) @ref (#match? @ref "^[A-Z]"))
