; SPDX-License-Identifier: FSL-1.1-MIT
(impl_item type: [
  (type_identifier) @name
  (primitive_type) @name
  (scoped_type_identifier name: (type_identifier) @name)
  (generic_type type: [(type_identifier) @name (scoped_type_identifier name: (type_identifier) @name)])
  (reference_type type: [(type_identifier) @name (generic_type type: (type_identifier) @name)])
  (dynamic_type trait: (type_identifier) @name)]) @container
(function_item name: (identifier) @name) @function
(function_signature_item name: (identifier) @name) @function
(struct_item name: (type_identifier) @name) @struct
(union_item name: (type_identifier) @name) @struct
(enum_item name: (type_identifier) @name) @enum
(enum_variant name: (identifier) @name) @constant
(trait_item name: (type_identifier) @name) @interface
(field_declaration name: (field_identifier) @name) @field
(type_item name: (type_identifier) @name) @type
(associated_type name: (type_identifier) @name) @type
(const_item name: (identifier) @name) @constant
(static_item (mutable_specifier) name: (identifier) @name) @variable
(static_item name: (identifier) @name) @constant
(mod_item name: (identifier) @name body: (_)) @module
(macro_definition name: (identifier) @name) @macro

;; references
(call_expression function: (identifier) @ref)
(call_expression function: (scoped_identifier name: (identifier) @ref))
(call_expression function: (scoped_identifier path: (identifier) @ref (#match? @ref "^[A-Z]")))
(call_expression function: (scoped_identifier path: (generic_type type: (type_identifier) @ref)))
(call_expression function: (field_expression field: (field_identifier) @ref))
(generic_function function: (identifier) @ref)
(generic_function function: (scoped_identifier name: (identifier) @ref))
(generic_function function: (field_expression field: (field_identifier) @ref))
; Within a macro there are no calls, only names and what stands in brackets right behind them.
(token_tree (identifier) @ref . (token_tree . "(") @beside)
(macro_invocation macro: (identifier) @ref)
(macro_invocation macro: (scoped_identifier name: (identifier) @ref))
(struct_expression name: (type_identifier) @ref)
(struct_expression name: (scoped_type_identifier name: (type_identifier) @ref))
(impl_item trait: (type_identifier) @ref)
(impl_item trait: (scoped_type_identifier name: (type_identifier) @ref))
(impl_item trait: (generic_type type: (type_identifier) @ref))
(impl_item type: (type_identifier) @ref)
(impl_item type: (generic_type type: (type_identifier) @ref))
(trait_bounds (type_identifier) @ref)
(trait_bounds (scoped_type_identifier name: (type_identifier) @ref))
(generic_type type: (type_identifier) @ref)
(generic_type type: (scoped_type_identifier name: (type_identifier) @ref))
(type_arguments (type_identifier) @ref)
(reference_type type: (type_identifier) @ref)
(parameter type: (type_identifier) @ref)
(parameter type: (scoped_type_identifier name: (type_identifier) @ref))
(field_declaration type: (type_identifier) @ref)
(function_item return_type: (type_identifier) @ref)
(function_signature_item return_type: (type_identifier) @ref)
(abstract_type trait: (type_identifier) @ref)
(dynamic_type trait: (type_identifier) @ref)
(attribute (identifier) @ref)
(attribute (identifier) @_derive arguments: (token_tree (identifier) @ref) (#eq? @_derive "derive"))
(match_pattern (scoped_identifier name: (identifier) @ref))
(tuple_struct_pattern type: (scoped_identifier name: (identifier) @ref))
(use_list (identifier) @ref)
(use_declaration argument: (scoped_identifier name: (identifier) @ref))
(use_declaration argument: (_) @import)
(extern_crate_declaration name: (identifier) @import)
(mod_item name: (identifier) @import !body)
(macro_invocation (token_tree) @import)
