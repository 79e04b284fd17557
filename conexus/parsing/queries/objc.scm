; SPDX-License-Identifier: FSL-1.1-MIT
; What Objective-C has beyond C; joined to C's queries. A method goes by the first part of its selector.
(class_interface . (identifier) @name category: (_)) @container
(class_implementation . (identifier) @name category: (_)) @container
(class_interface . (identifier) @name) @class
(class_implementation . (identifier) @name) @class
(protocol_declaration . (identifier) @name) @interface
(method_declaration (method_type) . (identifier) @name) @method
(method_definition (method_type) . (identifier) @name) @method
(property_declaration (struct_declaration (struct_declarator [
  (identifier) @name
  (pointer_declarator declarator: (identifier) @name)
  (function_declarator
    declarator: (parenthesized_declarator (block_pointer_declarator declarator: (identifier) @name)))]))) @field
(instance_variable (struct_declaration (struct_declarator [
  (identifier) @name
  (pointer_declarator declarator: (identifier) @name)]))) @field
(type_definition declarator: (function_declarator
  declarator: (parenthesized_declarator (block_pointer_declarator declarator: (type_identifier) @name)))) @type
(type_definition
  type: (macro_type_specifier name: (identifier) @_macro (ERROR (identifier) @name))
  (#match? @_macro "^(NS|CF)_(CLOSED_|ERROR_)?(ENUM|OPTIONS)$")) @enum
(type_definition
  type: (macro_type_specifier name: (identifier) @_macro)
  declarator: (type_identifier) @name @constant
  (#match? @_macro "^(NS|CF)_(CLOSED_|ERROR_)?(ENUM|OPTIONS)$"))
(declaration declarator: [
  (pointer_declarator (type_qualifier) @_const declarator: (identifier) @name)
  (init_declarator declarator: (pointer_declarator (type_qualifier) @_const declarator: (identifier) @name))]
  (#eq? @_const "const")) @constant

;; references
(message_expression receiver: (_) . method: (identifier) @ref)
(message_expression receiver: (identifier) @ref (#match? @ref "^[A-Z]"))
(class_interface superclass: (identifier) @ref)
(class_interface (parameterized_arguments (type_name (type_identifier) @ref)))
(protocol_reference_list (identifier) @ref)
(type_name (type_identifier) @ref)
(property_declaration (struct_declaration (type_identifier) @ref))
(module_import path: (_) @import)
