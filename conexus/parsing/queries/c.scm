; SPDX-License-Identifier: FSL-1.1-MIT
; What a typedef names, first where the type itself has no name.
(type_definition type: [(struct_specifier !name body: (_)) (union_specifier !name body: (_))]
  declarator: (type_identifier) @name) @struct
(type_definition type: (enum_specifier !name body: (_)) declarator: (type_identifier) @name) @enum
(type_definition type: (_ body: (_))
  declarator: [(type_identifier) @name (pointer_declarator declarator: (type_identifier) @name)] @type)
(type_definition declarator: [
  (type_identifier) @name
  (pointer_declarator declarator: [
    (type_identifier) @name
    (function_declarator
      declarator: (parenthesized_declarator (pointer_declarator declarator: (type_identifier) @name)))])
  (array_declarator declarator: (type_identifier) @name)
  (function_declarator declarator: [
    (type_identifier) @name
    (parenthesized_declarator (pointer_declarator declarator: (type_identifier) @name))])]) @type
(struct_specifier name: (type_identifier) @name body: (_)) @struct
(union_specifier name: (type_identifier) @name body: (_)) @struct
(enum_specifier name: (type_identifier) @name body: (_)) @enum
(enumerator name: (identifier) @name) @constant
; After something that only the preprocessor understands.
(ERROR "struct" . (type_identifier) @name @struct . "{")

; The last one is what a macro defines: TEST_IMPL(name) { … }.
(function_definition declarator: [
  (function_declarator declarator: [
    (identifier) @name
    (parenthesized_declarator . (identifier) @name .)
    (parenthesized_declarator (pointer_declarator
      declarator: (function_declarator declarator: (identifier) @name)))])
  (pointer_declarator declarator: [
    (function_declarator declarator: (identifier) @name)
    (pointer_declarator declarator: (function_declarator declarator: (identifier) @name))])
  (parenthesized_declarator . (identifier) @name .)]) @function
(declaration declarator: [
  (function_declarator declarator: [(identifier) @name (parenthesized_declarator . (identifier) @name .)])
  (pointer_declarator declarator: [
    (function_declarator declarator: (identifier) @name)
    (pointer_declarator declarator: (function_declarator declarator: (identifier) @name))])]) @function
(preproc_def name: (identifier) @name) @macro
(preproc_function_def name: (identifier) @name) @macro

(field_declaration declarator: [
  (field_identifier) @name
  (pointer_declarator declarator: [
    (field_identifier) @name
    (pointer_declarator declarator: (field_identifier) @name)
    (array_declarator declarator: (field_identifier) @name)
    (function_declarator
      declarator: (parenthesized_declarator (pointer_declarator declarator: (field_identifier) @name)))])
  (array_declarator declarator: [
    (field_identifier) @name
    (array_declarator declarator: (field_identifier) @name)])
  (function_declarator
    declarator: (parenthesized_declarator (pointer_declarator declarator: (field_identifier) @name)))]) @field
; No field of C is a function: such are prototypes that the parser takes for fields.
(field_declaration declarator: (function_declarator declarator: (field_identifier) @name)) @function

; Variables of a file; those of a function are left out by what encloses them.
(declaration (type_qualifier) @_const
  declarator: (init_declarator declarator: [
    (identifier) @name
    (array_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])])
  (#match? @_const "^(const|constexpr)$")) @constant
(declaration declarator: [
  (identifier) @name
  (pointer_declarator declarator: [
    (identifier) @name
    (pointer_declarator declarator: (identifier) @name)
    (array_declarator declarator: (identifier) @name)])
  (array_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
  (function_declarator
    declarator: (parenthesized_declarator (pointer_declarator declarator: (identifier) @name)))
  (init_declarator declarator: [
    (identifier) @name
    (pointer_declarator declarator: [
      (identifier) @name
      (pointer_declarator declarator: (identifier) @name)
      (array_declarator declarator: (identifier) @name)])
    (array_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
    (function_declarator
      declarator: (parenthesized_declarator (pointer_declarator declarator: (identifier) @name)))])]) @variable

;; references
(call_expression function: (identifier) @ref)
(call_expression function: (field_expression field: (field_identifier) @ref))
(call_expression function: (parenthesized_expression (pointer_expression argument: (identifier) @ref)))
(initializer_pair value: (identifier) @ref)
(struct_specifier name: (type_identifier) @ref !body)
(union_specifier name: (type_identifier) @ref !body)
(enum_specifier name: (type_identifier) @ref !body)
(declaration type: (type_identifier) @ref)
(parameter_declaration type: (type_identifier) @ref)
(field_declaration type: (type_identifier) @ref)
(function_definition type: (type_identifier) @ref)
(type_descriptor type: (type_identifier) @ref)
(preproc_ifdef name: (identifier) @ref)
(preproc_defined (identifier) @ref)
(preproc_include path: [(string_literal) (system_lib_string)] @import)
