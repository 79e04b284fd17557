; SPDX-License-Identifier: FSL-1.1-MIT
(function_declaration name: (identifier) @name) @function
(function_declaration name: (dot_index_expression table: (_) @receiver field: (identifier) @name)) @method
(function_declaration name: (method_index_expression table: (_) @receiver method: (identifier) @name)) @method

; Functions that are assigned, and those of tables.
(chunk (assignment_statement
  (variable_list . name: (identifier) @name .)
  (expression_list . value: (function_definition) .)) @function)
(chunk (variable_declaration (assignment_statement
  (variable_list . name: (identifier) @name .)
  (expression_list . value: (function_definition) .))) @function)
(assignment_statement
  (variable_list . name: [
    (dot_index_expression table: (_) @receiver field: (identifier) @name)
    (bracket_index_expression table: (_) @receiver field: (string content: (_) @name))] .)
  (expression_list . value: (function_definition) .)) @method
(chunk (return_statement (expression_list (table_constructor
  (field name: [(identifier) @name (string content: (_) @name)] value: (function_definition)) @function))))
(chunk (assignment_statement (expression_list (table_constructor
  (field name: [(identifier) @name (string content: (_) @name)] value: (function_definition)) @function))))
(chunk (variable_declaration (assignment_statement (expression_list (table_constructor
  (field name: [(identifier) @name (string content: (_) @name)] value: (function_definition)) @function)))))

; Variables of a file; those in capitals are constants, and what is required is no definition.
(chunk (variable_declaration (assignment_statement
  (variable_list . name: (identifier) @name)
  (expression_list . value: (function_call name: (identifier) @_require)))
  (#eq? @_require "require")) @skip)
(chunk (variable_declaration (assignment_statement (variable_list name: (identifier) @name)))
  @constant (#match? @name "^[A-Z][A-Z0-9_]+$"))
(chunk (variable_declaration (assignment_statement (variable_list name: (identifier) @name))) @variable)
(chunk (assignment_statement (variable_list name: (identifier) @name)) @constant (#match? @name "^[A-Z][A-Z0-9_]+$"))
(chunk (assignment_statement (variable_list name: (identifier) @name)) @variable)
(chunk (assignment_statement
  (variable_list name: (dot_index_expression table: (identifier) @receiver field: (identifier) @name))) @field)
(chunk (function_call arguments: (arguments (table_constructor
  (field name: [(identifier) @name (string content: (_) @name)] value: (function_definition)) @function))))

;; references
(function_call name: [
  (identifier) @ref
  (dot_index_expression field: (identifier) @ref)
  (method_index_expression method: (identifier) @ref)])
(function_call name: (identifier) @_require arguments: (arguments . (string content: (_) @import)) (#any-of? @_require "require" "dofile" "loadfile"))
