; SPDX-License-Identifier: FSL-1.1-MIT
(namespace_declaration name: (_) @name) @module
(file_scoped_namespace_declaration name: (_) @name) @module
(class_declaration name: (identifier) @name) @class
(record_declaration name: (identifier) @name) @class
(struct_declaration name: (identifier) @name) @struct
(interface_declaration name: (identifier) @name) @interface
(enum_declaration name: (identifier) @name) @enum
(enum_member_declaration name: (identifier) @name) @constant
(delegate_declaration name: (identifier) @name) @type
(method_declaration name: (identifier) @name) @method
(constructor_declaration name: (identifier) @name) @method
(destructor_declaration name: (identifier) @name) @method
(operator_declaration operator: _ @name) @method
(conversion_operator_declaration type: (_) @name) @method
(indexer_declaration "this" @name) @method
(local_function_statement name: (identifier) @name) @function
(property_declaration name: (identifier) @name) @field
(event_declaration name: (identifier) @name) @field
(event_field_declaration (variable_declaration (variable_declarator name: (identifier) @name))) @field
(field_declaration (modifier) @_const (variable_declaration (variable_declarator name: (identifier) @name))
  (#eq? @_const "const")) @constant
(field_declaration (modifier) @_static . (modifier) @_readonly
  (variable_declaration (variable_declarator name: (identifier) @name))
  (#eq? @_static "static") (#eq? @_readonly "readonly")) @constant
(field_declaration (variable_declaration (variable_declarator name: (identifier) @name))) @field
(record_declaration (parameter_list (parameter name: (identifier) @name) @field))

;; references
(invocation_expression function: (identifier) @ref)
(invocation_expression function: (generic_name . (identifier) @ref))
(invocation_expression function: (member_access_expression name: (identifier) @ref))
(invocation_expression function: (member_access_expression name: (generic_name . (identifier) @ref)))
(member_binding_expression name: (identifier) @ref)
(member_access_expression expression: (identifier) @ref (#match? @ref "^[A-Z]"))
(object_creation_expression type: (identifier) @ref)
(object_creation_expression type: (generic_name . (identifier) @ref))
(object_creation_expression type: (qualified_name name: (identifier) @ref))
(base_list (identifier) @ref)
(base_list (generic_name . (identifier) @ref))
(base_list (qualified_name name: (identifier) @ref))
(base_list (primary_constructor_base_type type: (identifier) @ref))
(attribute name: (identifier) @ref)
(attribute name: (qualified_name name: (identifier) @ref))
(generic_name . (identifier) @ref)
(type_argument_list (identifier) @ref)
(parameter type: (identifier) @ref)
(nullable_type (identifier) @ref)
(array_type (identifier) @ref)
(variable_declaration type: (identifier) @ref)
(property_declaration type: (identifier) @ref)
(method_declaration returns: (identifier) @ref)
(cast_expression type: (identifier) @ref)
(as_expression right: (identifier) @ref)
(is_expression right: (identifier) @ref)
(declaration_pattern type: (identifier) @ref)
(typeof_expression type: (identifier) @ref)
(catch_declaration type: (identifier) @ref)
(type_parameter_constraint (type (identifier) @ref))
(using_directive !name [(identifier) (qualified_name)] @import)
(using_directive name: (_) (qualified_name) @import)
