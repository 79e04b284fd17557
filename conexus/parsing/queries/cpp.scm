; SPDX-License-Identifier: FSL-1.1-MIT
; What C++ has beyond C; joined to C's queries.
(namespace_definition name: (_) @name) @module
(namespace_alias_definition name: (namespace_identifier) @name) @module
(class_specifier name: [(type_identifier) @name (template_type name: (type_identifier) @name)] body: (_)) @class
(struct_specifier name: (template_type name: (type_identifier) @name) body: (_)) @struct
(alias_declaration name: (type_identifier) @name) @type
(concept_definition name: (identifier) @name) @interface
(friend_declaration (declaration declarator: (function_declarator declarator: (identifier) @name)) @skip)

; Members, in the class.
(function_definition declarator: [
  (operator_cast) @name
  (function_declarator declarator: [
    (field_identifier) @name
    (operator_name) @name
    (destructor_name) @name
    (template_function name: (identifier) @name)])
  (pointer_declarator (function_declarator declarator: [(field_identifier) (operator_name)] @name))
  (reference_declarator (function_declarator
    declarator: [(identifier) (field_identifier) (operator_name)] @name))]) @function
(declaration declarator: [
  (operator_cast) @name
  (function_declarator declarator: [(operator_name) (destructor_name)] @name)
  (pointer_declarator (function_declarator declarator: (operator_name) @name))
  (reference_declarator (function_declarator declarator: [(identifier) (operator_name)] @name))]) @function
(field_declaration declarator: [
  (function_declarator declarator: [(operator_name) (destructor_name)] @name)
  (pointer_declarator (function_declarator declarator: [(field_identifier) (operator_name)] @name))
  (reference_declarator (function_declarator declarator: [(field_identifier) (operator_name)] @name))]) @function
(field_declaration (type_qualifier) @_const declarator: (field_identifier) @name default_value: (_)
  (#match? @_const "^const")) @constant
(field_declaration declarator: (reference_declarator (field_identifier) @name)) @field

; Members, out of the class: the scope is the last part before the name.
(function_definition declarator: [
  (function_declarator declarator: (qualified_identifier
    scope: (_) @receiver
    name: [(identifier) (destructor_name) (operator_name)] @name))
  (function_declarator declarator: (qualified_identifier name: (qualified_identifier
    scope: (_) @receiver
    name: [(identifier) (destructor_name) (operator_name)] @name)))
  (function_declarator declarator: (qualified_identifier name: (qualified_identifier name: (qualified_identifier
    scope: (_) @receiver
    name: [(identifier) (destructor_name) (operator_name)] @name))))
  (_ (function_declarator declarator: (qualified_identifier
    scope: (_) @receiver
    name: [(identifier) (operator_name)] @name)))
  (_ (function_declarator declarator: (qualified_identifier name: (qualified_identifier
    scope: (_) @receiver
    name: [(identifier) (operator_name)] @name))))
  (qualified_identifier scope: (_) @receiver name: (operator_cast) @name)]) @method
(declaration declarator: (init_declarator declarator: (qualified_identifier
  scope: (_) @receiver
  name: (identifier) @name))) @field

;; references
(call_expression function: (qualified_identifier name: (identifier) @ref))
(call_expression function: (qualified_identifier name: (qualified_identifier name: (identifier) @ref)))
(call_expression function: (template_function name: (identifier) @ref))
(call_expression function: (qualified_identifier name: (template_function name: (identifier) @ref)))
(call_expression function: (field_expression field: (template_method name: (field_identifier) @ref)))
(new_expression type: (type_identifier) @ref)
(new_expression type: (qualified_identifier name: (type_identifier) @ref))
(new_expression type: (template_type name: (type_identifier) @ref))
(compound_literal_expression type: (type_identifier) @ref)
(base_class_clause (type_identifier) @ref)
(base_class_clause (qualified_identifier name: (type_identifier) @ref))
(base_class_clause (template_type name: (type_identifier) @ref))
(base_class_clause (qualified_identifier name: (template_type name: (type_identifier) @ref)))
(template_type name: (type_identifier) @ref)
(qualified_identifier scope: (namespace_identifier) @ref (#match? @ref "^[A-Z]"))
(qualified_identifier name: (type_identifier) @ref)
(using_declaration [(identifier) @ref (qualified_identifier name: (identifier) @ref)])
(friend_declaration (type_identifier) @ref)
(field_initializer (field_identifier) @ref (#match? @ref "^[A-Z]"))
(throw_statement (call_expression function: (identifier) @ref))
(import_declaration name: (module_name) @import)
