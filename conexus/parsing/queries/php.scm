; SPDX-License-Identifier: FSL-1.1-MIT
(namespace_definition name: (namespace_name) @name body: (_)) @module
(namespace_definition name: (namespace_name) @name !body) @module @open
(class_declaration name: (name) @name) @class
(interface_declaration name: (name) @name) @interface
(trait_declaration name: (name) @name) @interface
(enum_declaration name: (name) @name) @enum
(enum_case name: (name) @name) @constant
(function_definition name: (name) @name) @function
(method_declaration name: (name) @name) @method
(property_declaration (property_element name: (variable_name (name) @name))) @field
(property_promotion_parameter name: (variable_name (name) @name)) @field
(const_declaration (const_element . (name) @name)) @constant
(expression_statement (function_call_expression function: (name) @_define
  arguments: (arguments . (argument (string (string_content) @name)))) (#eq? @_define "define")) @constant

; What a script, or a namespace in braces, holds in variables.
(program (expression_statement (assignment_expression left: (variable_name (name) @name)
  right: [(anonymous_function) (arrow_function)]) @function))
(program (expression_statement (assignment_expression left: (variable_name (name) @name)) @variable))

;; references
(function_call_expression function: [(name) @ref (qualified_name (name) @ref)])
(member_call_expression name: (name) @ref)
(nullsafe_member_call_expression name: (name) @ref)
(scoped_call_expression name: (name) @ref)
(scoped_call_expression scope: [(name) @ref (qualified_name (name) @ref)])
(object_creation_expression [(name) @ref (qualified_name (name) @ref)] (#not-match? @ref "^(static|self|parent)$"))
(class_constant_access_expression . [(name) @ref (qualified_name (name) @ref)])
(base_clause [(name) @ref (qualified_name (name) @ref)])
(class_interface_clause [(name) @ref (qualified_name (name) @ref)])
(class_declaration body: (declaration_list (use_declaration [(name) @ref (qualified_name (name) @ref)])))
(trait_declaration body: (declaration_list (use_declaration [(name) @ref (qualified_name (name) @ref)])))
(named_type [(name) @ref (qualified_name (name) @ref)] (#not-match? @ref "^(static|self|parent)$"))
(attribute [(name) @ref (qualified_name (name) @ref)])
("instanceof" . [(name) @ref (qualified_name (name) @ref)])
(namespace_use_clause (qualified_name) @import)
(namespace_use_declaration (namespace_use_clause . (name) @import))
(namespace_use_group (namespace_use_clause . (name) @import))
(namespace_use_group (namespace_use_clause [(name) @ref (qualified_name (name) @ref)]))
(require_expression [(string (string_content) @import) (binary_expression right: (string (string_content) @import))])
(require_once_expression [(string (string_content) @import) (binary_expression right: (string (string_content) @import))])
(include_expression [(string (string_content) @import) (binary_expression right: (string (string_content) @import))])
(include_once_expression [(string (string_content) @import) (binary_expression right: (string (string_content) @import))])
