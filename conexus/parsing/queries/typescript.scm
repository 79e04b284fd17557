; SPDX-License-Identifier: FSL-1.1-MIT
(class_declaration name: (_) @name) @class
(abstract_class_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @interface
(type_alias_declaration name: (_) @name) @type
(enum_declaration name: (_) @name) @enum
(enum_body name: (property_identifier) @name @constant)
(enum_body (enum_assignment name: (property_identifier) @name) @constant)
(internal_module name: (_) @name) @module
(module name: (_) @name) @module
(function_signature name: (identifier) @name) @function
(interface_body (method_signature name: (property_identifier) @name) @method)
(class_body (method_signature name: (property_identifier) @name) @method)
(type_alias_declaration value: (object_type (method_signature name: (property_identifier) @name) @method))
(abstract_method_signature name: (property_identifier) @name) @method
(public_field_definition name: [(property_identifier) (private_property_identifier)] @name
  value: [(arrow_function) (function_expression)]) @method
(public_field_definition name: [(property_identifier) (private_property_identifier)] @name) @field
(required_parameter [(accessibility_modifier) "readonly"] pattern: (identifier) @name) @field
(interface_body (property_signature name: (property_identifier) @name
  type: (type_annotation (function_type))) @method)
(interface_body (property_signature name: (property_identifier) @name) @field)
(type_alias_declaration value: (object_type (property_signature name: (property_identifier) @name) @field))
(type_alias_declaration
  value: (intersection_type (object_type (property_signature name: (property_identifier) @name) @field)))

; Modules that are bound to a name are imports, not definitions.
(variable_declarator name: (identifier) @name
  value: (call_expression function: (identifier) @_require
  arguments: (arguments . (string))) @skip (#eq? @_require "require"))
(variable_declarator name: (identifier) @name
  value: (member_expression object: (call_expression function: (identifier) @_require)) @skip
  (#eq? @_require "require"))

(function_declaration name: (identifier) @name) @function
(generator_function_declaration name: (identifier) @name) @function
(variable_declarator name: (identifier) @name
  value: [(arrow_function) (function_expression) (generator_function)]) @function
(variable_declarator name: (identifier) @name value: (class)) @class
; Functions that are made by another one: memo(…), useCallback(…), debounce(…).
(variable_declarator name: (identifier) @name
  value: (call_expression
    function: [(identifier) @_maker (member_expression property: (property_identifier) @_maker)]
    arguments: (arguments . [(arrow_function) (function_expression)]))
  (#match? @_maker "^(use)?([mM]emo(ize)?|forwardRef|[cC]allback|debounce|throttle|once|curry|cache|observer)$|[hH]andler$|^wrap")) @function

; Members, also of objects and of prototypes.
(method_definition name: [(property_identifier) (private_property_identifier) (string)] @name) @method
(object (pair key: [(property_identifier) (string)] @name
  value: [(arrow_function) (function_expression) (generator_function)]) @method)
(object (pair key: [(property_identifier) (string)] @name value: (class)) @class)
(assignment_expression
  left: (member_expression
    object: (member_expression object: (_) @receiver property: (property_identifier) @_prototype)
    property: (property_identifier) @name)
  right: [(arrow_function) (function_expression) (generator_function)]
  (#eq? @_prototype "prototype")) @method
(assignment_expression
  left: (member_expression object: (member_expression) @receiver property: (property_identifier) @name)
  right: [(arrow_function) (function_expression) (generator_function)]
  (#not-match? @receiver "^(module\\.exports|this|self)$|prototype$|[(\\[\\n]")) @method
(assignment_expression
  left: (member_expression object: (identifier) @receiver property: (property_identifier) @name)
  right: [(arrow_function) (function_expression) (generator_function)]
  (#not-match? @receiver "^(exports|module|this|self)$")) @method
(assignment_expression
  left: (member_expression object: (this) property: (property_identifier) @name)
  right: [(arrow_function) (function_expression) (generator_function)]) @method
(assignment_expression
  left: (member_expression property: (property_identifier) @name)
  right: [(arrow_function) (function_expression) (generator_function)]
  (#not-eq? @name "exports")) @function
(assignment_expression
  left: (member_expression property: (property_identifier) @name) right: (class)
  (#not-eq? @name "exports")) @class
(assignment_expression
  left: (identifier) @name right: [(arrow_function) (function_expression) (generator_function)]) @function
(program (expression_statement (assignment_expression
  left: (member_expression object: (identifier) @_exports property: (property_identifier) @name)
  right: [(call_expression) (new_expression) (object) (array) (string) (template_string) (number) (regex)]
  (#eq? @_exports "exports")) @constant))
(program (expression_statement (assignment_expression
  left: (member_expression property: (property_identifier) @_exports)
  right: [(function_expression name: (identifier) @name) @function (class name: (_) @name) @class])
  (#eq? @_exports "exports")))
(export_statement value: [(function_expression name: (identifier) @name) @function (class name: (_) @name) @class])

; Names of a module.
(program (lexical_declaration kind: "const" (variable_declarator name: (identifier) @name) @constant))
(program (lexical_declaration (variable_declarator name: (identifier) @name) @variable))
(program (variable_declaration (variable_declarator name: (identifier) @name) @variable))
(export_statement (lexical_declaration kind: "const" (variable_declarator name: (identifier) @name) @constant))
(export_statement (lexical_declaration (variable_declarator name: (identifier) @name) @variable))
(export_statement (variable_declaration (variable_declarator name: (identifier) @name) @variable))
; A function with a name of its own, but for those that were given another one above.
(variable_declarator value: (function_expression name: (identifier) @name) @skip)
(variable_declarator value: (call_expression
  arguments: (arguments . (function_expression name: (identifier) @name) @skip)))
(assignment_expression
  left: (member_expression property: (property_identifier) @_name)
  right: (function_expression name: (identifier) @name) @skip
  (#not-eq? @_name "exports"))
(pair value: (function_expression name: (identifier) @name) @skip)
(function_expression name: (identifier) @name) @function
; Frozen objects, and such with keys in capitals, stand in for enums.
(program (lexical_declaration (variable_declarator
  value: (object (pair key: (property_identifier) @name) @constant)) (#match? @name "^[A-Z]")))
(export_statement (lexical_declaration (variable_declarator
  value: (object (pair key: (property_identifier) @name) @constant)) (#match? @name "^[A-Z]")))
(variable_declarator value: (call_expression
  function: (member_expression property: (property_identifier) @_freeze)
  arguments: (arguments (object (pair key: [(property_identifier) (string)] @name) @constant)))
  (#eq? @_freeze "freeze"))
(variable_declarator value: (as_expression
  (object (pair key: [(property_identifier) (string)] @name) @constant) "const"))
; Inside namespaces and declarations of what is elsewhere.
(ambient_declaration (lexical_declaration (variable_declarator name: (identifier) @name) @constant))
(ambient_declaration (variable_declaration (variable_declarator name: (identifier) @name) @variable))
(internal_module body: (statement_block (lexical_declaration (variable_declarator name: (identifier) @name) @constant)))
(module body: (statement_block (lexical_declaration (variable_declarator name: (identifier) @name) @constant)))

;; references
(call_expression function: (identifier) @ref (#not-eq? @ref "require"))
(call_expression function: (member_expression property: [(property_identifier) (private_property_identifier)] @ref))
; The grammar takes `await f<T>(x)` for a call of `await f`.
(call_expression function: [
  (await_expression [(identifier) @ref (member_expression property: (property_identifier) @ref)])
  (unary_expression argument: [(identifier) @ref (member_expression property: (property_identifier) @ref)])
  (non_null_expression [(identifier) @ref (member_expression property: (property_identifier) @ref)])
])
(new_expression constructor: (identifier) @ref)
(new_expression constructor: (member_expression property: (property_identifier) @ref))
(decorator (identifier) @ref)
(decorator (member_expression property: (property_identifier) @ref))
("instanceof" . (identifier) @ref)
(import_specifier name: (identifier) @ref)
(export_specifier name: (identifier) @ref)
(import_statement source: (string) @import)
(export_statement source: (string) @import)
(call_expression function: (import) arguments: (arguments . (string) @import))
((call_expression function: (identifier) @_require arguments: (arguments . (string) @import)) (#eq? @_require "require"))
(extends_clause value: (identifier) @ref)
(extends_clause value: (member_expression property: (property_identifier) @ref))
(class_heritage (extends_clause value: (call_expression arguments: (arguments (identifier) @ref))))
(implements_clause (type_identifier) @ref)
(extends_type_clause (type_identifier) @ref)
(nested_type_identifier name: (type_identifier) @ref)
(type_annotation (type_identifier) @ref)
(type_predicate (type_identifier) @ref)
(generic_type name: (type_identifier) @ref)
(type_arguments (type_identifier) @ref)
(constraint (type_identifier) @ref)
(union_type (type_identifier) @ref)
(intersection_type (type_identifier) @ref)
(array_type (type_identifier) @ref)
(as_expression (type_identifier) @ref)
(satisfies_expression (type_identifier) @ref)
(type_alias_declaration value: (type_identifier) @ref)
(type_query (identifier) @ref)
(import_require_clause source: (string) @import)
