; SPDX-License-Identifier: FSL-1.1-MIT
(module_definition name: (identifier) @name) @module

(struct_definition (type_head [
  (identifier) @name
  (parametrized_type_expression . (identifier) @name)
  (binary_expression . (identifier) @name)
  (binary_expression . (parametrized_type_expression . (identifier) @name))])) @struct
(abstract_definition (type_head [
  (identifier) @name
  (parametrized_type_expression . (identifier) @name)
  (binary_expression . (identifier) @name)
  (binary_expression . (parametrized_type_expression . (identifier) @name))])) @interface
(primitive_definition (type_head [
  (identifier) @name
  (binary_expression . (identifier) @name)])) @type
(struct_definition (block [
  (identifier) @name @field
  (typed_expression . (identifier) @name) @field
  (assignment . (identifier) @name) @field
  (assignment . (typed_expression . (identifier) @name)) @field
  (const_statement (typed_expression . (identifier) @name)) @field]))

(macro_definition (signature (call_expression . (identifier) @name))) @macro
(function_definition (signature (identifier) @name)) @function
; The head of a function: a call, with a return type, with type parameters, or with both around it.
(function_definition (signature [
  (call_expression . [
    (identifier) @name
    (operator) @name
    (parametrized_type_expression . (identifier) @name)
    (field_expression value: (_) @receiver [(identifier) @name (quote_expression [(operator) @name (parenthesized_expression (operator) @name)])])])
  (_ . (call_expression . [
    (identifier) @name
    (operator) @name
    (parametrized_type_expression . (identifier) @name)
    (field_expression value: (_) @receiver [(identifier) @name (quote_expression [(operator) @name (parenthesized_expression (operator) @name)])])]))
  (_ . (_ . (call_expression . [
    (identifier) @name
    (operator) @name
    (parametrized_type_expression . (identifier) @name)
    (field_expression value: (_) @receiver [(identifier) @name (quote_expression [(operator) @name (parenthesized_expression (operator) @name)])])])))])) @function

; Short functions, but for those inside others.
(source_file (assignment . [
  (call_expression . [
    (identifier) @name
    (operator) @name
    (parametrized_type_expression . (identifier) @name)
    (field_expression value: (_) @receiver [(identifier) @name (quote_expression [(operator) @name (parenthesized_expression (operator) @name)])])])
  (_ . (call_expression . [
    (identifier) @name
    (operator) @name
    (parametrized_type_expression . (identifier) @name)
    (field_expression value: (_) @receiver [(identifier) @name (quote_expression [(operator) @name (parenthesized_expression (operator) @name)])])]))]) @function)
(module_definition (block (assignment . [
  (call_expression . [
    (identifier) @name
    (operator) @name
    (parametrized_type_expression . (identifier) @name)
    (field_expression value: (_) @receiver [(identifier) @name (quote_expression [(operator) @name (parenthesized_expression (operator) @name)])])])
  (_ . (call_expression . [
    (identifier) @name
    (operator) @name
    (parametrized_type_expression . (identifier) @name)
    (field_expression value: (_) @receiver [(identifier) @name (quote_expression [(operator) @name (parenthesized_expression (operator) @name)])])]))]) @function))
(struct_definition (block (assignment . [
  (call_expression . [
    (identifier) @name
    (operator) @name
    (parametrized_type_expression . (identifier) @name)
    (field_expression value: (_) @receiver [(identifier) @name (quote_expression [(operator) @name (parenthesized_expression (operator) @name)])])])
  (_ . (call_expression . [
    (identifier) @name
    (operator) @name
    (parametrized_type_expression . (identifier) @name)
    (field_expression value: (_) @receiver [(identifier) @name (quote_expression [(operator) @name (parenthesized_expression (operator) @name)])])]))]) @function))
(macro_argument_list (assignment . [
  (call_expression . [
    (identifier) @name
    (operator) @name
    (parametrized_type_expression . (identifier) @name)
    (field_expression value: (_) @receiver [(identifier) @name (quote_expression [(operator) @name (parenthesized_expression (operator) @name)])])])
  (_ . (call_expression . [
    (identifier) @name
    (operator) @name
    (parametrized_type_expression . (identifier) @name)
    (field_expression value: (_) @receiver [(identifier) @name (quote_expression [(operator) @name (parenthesized_expression (operator) @name)])])]))]) @function)
(source_file (assignment . (identifier) @name (arrow_function_expression)) @function)
(module_definition (block (assignment . (identifier) @name (arrow_function_expression)) @function))

(macrocall_expression [(macro_identifier (identifier) @_macro) (field_expression (macro_identifier (identifier) @_macro))]
  (macro_argument_list . [(identifier) @name (typed_expression . (identifier) @name)]) (#eq? @_macro "enum")) @enum
(macrocall_expression (macro_identifier (identifier) @_macro)
  (macro_argument_list (_) [(identifier) @name @constant (assignment . (identifier) @name) @constant]) (#eq? @_macro "enum"))
(macrocall_expression (macro_identifier (identifier) @_macro)
  (macro_argument_list (compound_statement (block [(identifier) @name @constant (assignment . (identifier) @name) @constant]))) (#eq? @_macro "enum"))
(const_statement (assignment . [(identifier) @name (parametrized_type_expression . (identifier) @name)])) @constant
(source_file (assignment . (identifier) @name) @variable)
(module_definition (block (assignment . (identifier) @name) @variable))
(source_file (global_statement (assignment . (identifier) @name)) @variable)
(module_definition (block (global_statement (assignment . (identifier) @name)) @variable))

;; references
(call_expression . [(identifier) @ref (field_expression (identifier) @ref .) (parametrized_type_expression . (identifier) @ref)])
(broadcast_call_expression . [(identifier) @ref (field_expression (identifier) @ref .)])
(macro_identifier (identifier) @ref)
(binary_expression (operator) @_pipe . (identifier) @ref (#eq? @_pipe "|>"))
(typed_expression (_) [(identifier) @ref (parametrized_type_expression . (identifier) @ref)] .)
(type_head (binary_expression (_) [(identifier) @ref (parametrized_type_expression . (identifier) @ref)] .))
(curly_expression (identifier) @ref)
; The head of a definition is no call.
(signature (call_expression . [(identifier) @skip (field_expression (identifier) @skip .) (parametrized_type_expression . (identifier) @skip)]))
(signature (_ . (call_expression . [(identifier) @skip (field_expression (identifier) @skip .) (parametrized_type_expression . (identifier) @skip)])))
(signature (_ . (_ . (call_expression . [(identifier) @skip (field_expression (identifier) @skip .) (parametrized_type_expression . (identifier) @skip)]))))
(assignment . (call_expression . [(identifier) @skip (field_expression (identifier) @skip .) (parametrized_type_expression . (identifier) @skip)]))
(assignment . (_ . (call_expression . [(identifier) @skip (field_expression (identifier) @skip .) (parametrized_type_expression . (identifier) @skip)])))
(using_statement [(identifier) @import (import_path) @import (selected_import . (_) @import)])
(import_statement [(identifier) @import (import_path) @import (selected_import . (_) @import)])
(call_expression . (identifier) @_include (argument_list . (string_literal (content) @import)) (#eq? @_include "include"))
