; SPDX-License-Identifier: FSL-1.1-MIT
(module_binding (module_name) @name) @module
(module_type_definition (module_type_name) @name) @interface
(class_binding (class_name) @name) @class
(class_type_binding (class_type_name) @name) @interface
(method_definition (method_name) @name) @method
(method_specification (method_name) @name) @method
(instance_variable_definition (instance_variable_name) @name) @field
(type_binding name: (type_constructor) @name) @type
(type_binding body: (variant_declaration (constructor_declaration (constructor_name) @name) @constant))
(type_binding equation: (polymorphic_variant_type (tag_specification (tag) @name) @constant))
(type_binding body: (record_declaration (field_declaration (field_name) @name) @field))
(exception_definition (constructor_declaration (constructor_name) @name)) @type
(external [(value_name) @name (parenthesized_operator (_) @name)]) @function
(value_specification [(value_name) @name (parenthesized_operator (_) @name)] type: (function_type)) @function
(value_specification [(value_name) @name (parenthesized_operator (_) @name)]) @constant

;; references
(type_constructor_path (type_constructor) @ref)
(class_path (class_name) @ref)
(module_type_path (module_type_name) @ref)
(module_path (module_name) @ref)
(open_module module: (module_path) @import)
(include_module_type module_type: (module_type_path) @import)
