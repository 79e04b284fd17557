; SPDX-License-Identifier: FSL-1.1-MIT
(class_declaration name: (identifier) @name) @class
(record_declaration name: (identifier) @name) @class
(interface_declaration name: (identifier) @name) @interface
(annotation_type_declaration name: (identifier) @name) @interface
(enum_declaration name: (identifier) @name) @enum
(enum_constant name: (identifier) @name) @constant
(method_declaration name: (identifier) @name) @method
(constructor_declaration name: (identifier) @name) @method
(compact_constructor_declaration name: (identifier) @name) @method
(annotation_type_element_declaration name: (identifier) @name) @method
(record_declaration parameters: (formal_parameters (formal_parameter name: (identifier) @name) @field))
(constant_declaration declarator: (variable_declarator name: (identifier) @name)) @constant
(field_declaration (modifiers) @_how declarator: (variable_declarator name: (identifier) @name)
  (#match? @_how "static[^()]*final|final[^()]*static")) @constant
(field_declaration declarator: (variable_declarator name: (identifier) @name)) @field

;; references
(method_invocation name: (identifier) @ref)
(method_invocation object: (identifier) @ref (#match? @ref "^[A-Z]"))
(method_reference . (identifier) (identifier) @ref)
(method_reference . (identifier) @ref (#match? @ref "^[A-Z]"))
(object_creation_expression type: (type_identifier) @ref)
(object_creation_expression type: (generic_type (type_identifier) @ref))
(object_creation_expression type: (scoped_type_identifier (type_identifier) @ref .))
(superclass (type_identifier) @ref)
(superclass (scoped_type_identifier (type_identifier) @ref .))
(type_list (type_identifier) @ref)
(type_list (scoped_type_identifier (type_identifier) @ref .))
(permits (type_list (type_identifier) @ref))
(generic_type (type_identifier) @ref)
(type_arguments (type_identifier) @ref)
(type_bound (type_identifier) @ref)
(formal_parameter type: (type_identifier) @ref)
(field_declaration type: (type_identifier) @ref)
(local_variable_declaration type: (type_identifier) @ref)
(method_declaration type: (type_identifier) @ref)
(array_type element: (type_identifier) @ref)
(cast_expression type: (type_identifier) @ref)
(instanceof_expression right: (type_identifier) @ref)
(class_literal (type_identifier) @ref)
(throws (type_identifier) @ref)
(catch_type (type_identifier) @ref)
(annotation name: (identifier) @ref)
(marker_annotation name: (identifier) @ref)
(import_declaration (scoped_identifier) @import)
(import_declaration (identifier) @import)
