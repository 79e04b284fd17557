; SPDX-License-Identifier: FSL-1.1-MIT
(package_clause name: (package_identifier) @name) @module
(package_object name: (_) @name) @module
(class_definition name: (_) @name) @class
(object_definition name: (_) @name) @class
(trait_definition name: (_) @name) @interface
(enum_definition name: (_) @name) @enum
(enum_case_definitions [(simple_enum_case name: (_) @name) (full_enum_case name: (_) @name)] @constant)
(type_definition name: (_) @name) @type
(given_definition name: (_) @name) @constant
(extension_definition parameters: (parameters (parameter type: [(type_identifier) @name (generic_type type: (type_identifier) @name)]))) @container

; Functions and values of a file or of a template, never those of a block.
(compilation_unit (function_definition name: (_) @name) @function)
(package_clause body: (template_body (function_definition name: (_) @name) @function))
(extension_definition body: (_ name: (_) @name) @function)
(extension_definition (function_definition name: (_) @name) @function)
(template_body [(function_definition name: (_) @name) (function_declaration name: (_) @name)] @method)
(with_template_body [(function_definition name: (_) @name) (function_declaration name: (_) @name)] @method)
(enum_body [(function_definition name: (_) @name) (function_declaration name: (_) @name)] @method)

((val_definition pattern: (identifier) @name) @constant (#match? @name "^[A-Z]"))
(template_body (val_definition pattern: (identifier) @name value: (lambda_expression)) @method)
(template_body (val_definition pattern: [(identifier) @name (identifiers (identifier) @name) (tuple_pattern (identifier) @name)]) @field)
(template_body (var_definition pattern: [(identifier) @name (identifiers (identifier) @name) (tuple_pattern (identifier) @name)]) @field)
(template_body [(val_declaration name: (_) @name) (var_declaration name: (_) @name)] @field)
(with_template_body (val_definition pattern: (identifier) @name) @field)
(enum_body (val_definition pattern: (identifier) @name) @field)
(class_definition class_parameters: (class_parameters (class_parameter name: (identifier) @name) @field))
(compilation_unit (val_definition pattern: (identifier) @name value: (lambda_expression)) @function)
(compilation_unit (val_definition pattern: (identifier) @name) @variable)
(compilation_unit (var_definition pattern: (identifier) @name) @variable)

;; references
(call_expression function: [
  (identifier) @ref
  (field_expression field: (identifier) @ref)
  (generic_function function: [(identifier) @ref (field_expression field: (identifier) @ref)])])
(instance_expression [(type_identifier) @ref (generic_type type: (type_identifier) @ref)])
(field_expression field: (identifier) @ref)
(infix_expression operator: (identifier) @ref)
(type_identifier) @ref
(case_class_pattern type: (type_identifier) @ref)
(stable_identifier (identifier) @ref .)
(field_expression value: (identifier) @ref (#match? @ref "^[A-Z]"))
(import_declaration) @import
