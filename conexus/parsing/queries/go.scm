; SPDX-License-Identifier: FSL-1.1-MIT
(function_declaration name: (identifier) @name) @function
(method_declaration
  receiver: (parameter_list (parameter_declaration type: (_) @receiver))
  name: (field_identifier) @name) @method

(type_spec name: (type_identifier) @name type: (struct_type)) @struct
(type_spec name: (type_identifier) @name type: (interface_type)) @interface
(type_spec name: (type_identifier) @name) @type
(type_alias name: (type_identifier) @name) @type
(method_elem name: (field_identifier) @name) @method
(field_declaration name: (field_identifier) @name) @field

(const_spec name: (identifier) @name) @constant
(var_spec name: (identifier) @name value: (expression_list . (func_literal) .)) @function
(var_spec name: (identifier) @name) @variable

;; references
(call_expression function: (identifier) @ref)
(call_expression function: (selector_expression field: (field_identifier) @ref))
(call_expression function: (parenthesized_expression (identifier) @ref))
(type_conversion_expression type: (generic_type type: (type_identifier) @ref))
(type_conversion_expression type: (generic_type type: (qualified_type name: (type_identifier) @ref)))
(composite_literal type: (type_identifier) @ref)
(composite_literal type: (generic_type type: (type_identifier) @ref))
(composite_literal type: (slice_type element: (type_identifier) @ref))
(composite_literal type: (map_type value: (type_identifier) @ref))
(qualified_type name: (type_identifier) @ref)
(pointer_type (type_identifier) @ref)
(parameter_declaration type: (type_identifier) @ref)
(field_declaration type: (type_identifier) @ref)
(slice_type element: (type_identifier) @ref)
(map_type value: (type_identifier) @ref)
(type_elem (type_identifier) @ref)
(type_constraint (type_identifier) @ref)
(type_assertion_expression type: (type_identifier) @ref)
(type_case type: (type_identifier) @ref)
(function_declaration result: (type_identifier) @ref)
(method_declaration result: (type_identifier) @ref)
(type_spec type: (type_identifier) @ref)
(import_spec path: (interpreted_string_literal) @import)
