; SPDX-License-Identifier: FSL-1.1-MIT
(class_declaration "interface" (type_identifier) @name) @interface
(class_declaration "enum" (type_identifier) @name) @enum
(class_declaration (type_identifier) @name) @class
(object_declaration (type_identifier) @name) @class
(companion_object (type_identifier) @name) @class
(type_alias (type_identifier) @name) @type
(enum_entry (simple_identifier) @name) @constant
(function_declaration receiver: (receiver_type (user_type) @receiver) (simple_identifier) @name) @method
(function_declaration receiver: (receiver_type (nullable_type (user_type) @receiver)) (simple_identifier) @name) @method
(enum_entry (class_body (function_declaration (simple_identifier) @name) @method))
(function_declaration (simple_identifier) @name) @function
(secondary_constructor "constructor" @name) @method
(class_parameter (binding_pattern_kind) (simple_identifier) @name) @field
(property_declaration (modifiers (property_modifier) @_const)
  (variable_declaration (simple_identifier) @name) (#eq? @_const "const")) @constant
(property_declaration receiver: (receiver_type (user_type) @receiver)
  (variable_declaration (simple_identifier) @name)) @field
(class_body (property_declaration (variable_declaration (simple_identifier) @name)) @field)
(enum_class_body (property_declaration (variable_declaration (simple_identifier) @name)) @field)
(class_body (property_declaration (multi_variable_declaration
  (variable_declaration (simple_identifier) @name))) @field)
(source_file (property_declaration (variable_declaration (simple_identifier) @name) (lambda_literal)) @function)
(source_file (property_declaration (variable_declaration (simple_identifier) @name)) @variable)

;; references
(call_expression . (simple_identifier) @ref)
(call_expression . (navigation_expression (navigation_suffix (simple_identifier) @ref)))
(infix_expression (_) . (simple_identifier) @ref . (_))
(navigation_expression . (simple_identifier) @ref (#match? @ref "^[A-Z]"))
(callable_reference (simple_identifier) @ref)
(constructor_invocation (user_type (type_identifier) @ref))
(delegation_specifier (user_type (type_identifier) @ref))
(explicit_delegation (user_type (type_identifier) @ref))
(annotation (user_type (type_identifier) @ref))
(parameter (user_type (type_identifier) @ref))
(class_parameter (user_type (type_identifier) @ref))
(variable_declaration (user_type (type_identifier) @ref))
(function_declaration (user_type (type_identifier) @ref))
(type_projection (user_type (type_identifier) @ref))
(nullable_type (user_type (type_identifier) @ref))
(receiver_type (user_type (type_identifier) @ref))
(type_parameter (user_type (type_identifier) @ref))
(as_expression (user_type (type_identifier) @ref))
(check_expression (user_type (type_identifier) @ref))
(import_header (identifier) @import)
