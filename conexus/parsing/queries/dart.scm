; SPDX-License-Identifier: FSL-1.1-MIT
(library_name (dotted_identifier_list) @name) @module
(class_definition name: (identifier) @name) @class
(mixin_declaration (identifier) @name) @interface
(mixin_application_class . (identifier) @name) @class
(extension_declaration name: (identifier) @name) @class
(extension_declaration !name class: (_) @name) @container
(extension_type_declaration name: (identifier) @name) @class
(enum_declaration name: (identifier) @name) @enum
(enum_constant name: (identifier) @name) @constant
(type_alias (type_identifier) @name . [(type_parameters) (formal_parameter_list) "="]) @type

; A head and a body are siblings.
((method_signature [
  (function_signature name: (identifier) @name)
  (getter_signature name: (identifier) @name)
  (setter_signature name: (identifier) @name)
  (constructor_signature name: (identifier) @name .)
  (constructor_signature name: (identifier) @name . parameters: (_))
  (factory_constructor_signature (identifier) @name . (formal_parameter_list))
  (operator_signature [(binary_operator) "[]" "[]=" "==" "~"] @name)]) @method . (function_body) @end)
(declaration [
  (function_signature name: (identifier) @name)
  (getter_signature name: (identifier) @name)
  (setter_signature name: (identifier) @name)
  (constructor_signature name: (identifier) @name . parameters: (_))
  (constant_constructor_signature (identifier) @name . (formal_parameter_list))
  (redirecting_factory_constructor_signature (identifier) @name . (formal_parameter_list))
  (factory_constructor_signature (identifier) @name . (formal_parameter_list))]) @method
(program [
  (function_signature name: (identifier) @name)
  (getter_signature name: (identifier) @name)
  (setter_signature name: (identifier) @name)] @function . (function_body) @end)
(program [
  (function_signature name: (identifier) @name)
  (getter_signature name: (identifier) @name)
  (setter_signature name: (identifier) @name)] @function)

(declaration (static_final_declaration_list (static_final_declaration . (identifier) @name))) @constant
(declaration (initialized_identifier_list (initialized_identifier . (identifier) @name))) @field
(program (static_final_declaration_list (static_final_declaration . (identifier) @name) @constant))
(program (initialized_identifier_list (initialized_identifier . (identifier) @name) @variable))

;; references
((identifier) @ref . (selector (argument_part)))
((selector [
  (unconditional_assignable_selector (identifier) @ref)
  (conditional_assignable_selector (identifier) @ref)]) . (selector (argument_part)))
(cascade_section (cascade_selector (identifier) @ref) . (argument_part))
(annotation name: (identifier) @ref)
(type_identifier) @ref
(uri (string_literal) @import)
