; SPDX-License-Identifier: FSL-1.1-MIT
; Values of a file or of a module, never those of an expression.
(compilation_unit (value_definition (let_binding
  pattern: [(value_name) @name (parenthesized_operator (_) @name)] (parameter)) @function))
(structure (value_definition (let_binding
  pattern: [(value_name) @name (parenthesized_operator (_) @name)] (parameter)) @function))
(compilation_unit (value_definition (let_binding
  pattern: [(value_name) @name (parenthesized_operator (_) @name)]
  body: [(fun_expression) (function_expression)]) @function))
(structure (value_definition (let_binding
  pattern: [(value_name) @name (parenthesized_operator (_) @name)]
  body: [(fun_expression) (function_expression)]) @function))
(compilation_unit (value_definition (let_binding
  pattern: [(value_name) @name (tuple_pattern (value_name) @name) (parenthesized_operator (_) @name)]) @constant))
(structure (value_definition (let_binding
  pattern: [(value_name) @name (tuple_pattern (value_name) @name) (parenthesized_operator (_) @name)]) @constant))

;; references
(application_expression function: (value_path (value_name) @ref))
(application_expression argument: (value_path (value_name) @ref))
(infix_expression (value_path (value_name) @ref))
(method_invocation method: (method_name) @ref)
(constructor_path (constructor_name) @ref)
(include_module module: (module_path) @import)
