; SPDX-License-Identifier: FSL-1.1-MIT
(class_declaration declaration_kind: "extension" name: (user_type) @name) @container
(class_declaration declaration_kind: "struct" name: (type_identifier) @name) @struct
(class_declaration declaration_kind: "enum" name: (type_identifier) @name) @enum
(class_declaration name: (type_identifier) @name) @class
(protocol_declaration name: (type_identifier) @name) @interface
(typealias_declaration name: (type_identifier) @name) @type
(associatedtype_declaration name: (type_identifier) @name) @type
(enum_entry name: (simple_identifier) @name) @constant
(function_declaration name: [(simple_identifier) (custom_operator)] @name) @function
(function_declaration name: ["+" "-" "*" "/" "%" "==" "!=" "===" "<" ">" "<=" ">=" "+=" "-=" "..." "..<"] @name) @function
(protocol_function_declaration name: (simple_identifier) @name) @method
(init_declaration name: "init" @name) @method
(deinit_declaration "deinit" @name) @method
(subscript_declaration "subscript" @name) @method
(macro_declaration (simple_identifier) @name) @macro
(protocol_property_declaration name: (pattern bound_identifier: (simple_identifier) @name)) @field
(class_body (property_declaration
  (modifiers (property_modifier) @_static) (value_binding_pattern mutability: "let")
  name: (pattern bound_identifier: (simple_identifier) @name)
  (#eq? @_static "static")) @constant)
(enum_class_body (property_declaration
  (modifiers (property_modifier) @_static) (value_binding_pattern mutability: "let")
  name: (pattern bound_identifier: (simple_identifier) @name)
  (#eq? @_static "static")) @constant)
(class_body (property_declaration name: (pattern bound_identifier: (simple_identifier) @name)) @field)
(enum_class_body (property_declaration name: (pattern bound_identifier: (simple_identifier) @name)) @field)
(source_file (property_declaration (value_binding_pattern mutability: "let")
  name: (pattern bound_identifier: (simple_identifier) @name)) @constant)
(source_file (property_declaration name: (pattern bound_identifier: (simple_identifier) @name)) @variable)
(source_file (property_declaration name: (pattern (pattern (simple_identifier) @name))) @variable)

;; references
(call_expression . (simple_identifier) @ref)
(call_expression . (navigation_expression suffix: (navigation_suffix suffix: (simple_identifier) @ref)))
(call_expression . (prefix_expression target: (simple_identifier) @ref))
(constructor_expression constructed_type: (user_type (type_identifier) @ref))
(navigation_expression target: (simple_identifier) @ref (#match? @ref "^[A-Z]"))
(inheritance_specifier inherits_from: (user_type (type_identifier) @ref))
(inheritance_constraint inherits_from: (user_type (type_identifier) @ref))
(class_declaration declaration_kind: "extension" name: (user_type (type_identifier) @ref))
(type_annotation (user_type (type_identifier) @ref))
(parameter (user_type (type_identifier) @ref))
(function_declaration (user_type (type_identifier) @ref))
(type_arguments (user_type (type_identifier) @ref))
(array_type (user_type (type_identifier) @ref))
(optional_type (user_type (type_identifier) @ref))
(attribute (user_type (type_identifier) @ref))
(macro_invocation (simple_identifier) @ref)
(selector_expression (simple_identifier) @ref)
(import_declaration (identifier) @import)
