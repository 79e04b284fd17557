; SPDX-License-Identifier: FSL-1.1-MIT
; Functions that are assigned: S3 methods and operators too.
(program (binary_operator lhs: [(identifier) @name (string content: (_) @name)] rhs: (function_definition)) @function)
(program (binary_operator
  lhs: (extract_operator lhs: (_) @receiver rhs: (identifier) @name) rhs: (function_definition)) @method)

; Classes and generic functions made by a call.
(program (binary_operator lhs: (identifier) @name
  rhs: (call function: [(identifier) @_maker (namespace_operator rhs: (identifier) @_maker)])) @class
  (#any-of? @_maker "R6Class" "setRefClass" "setClass" "new_class" "ggproto"))
(program (call function: (identifier) @_maker arguments: (arguments . (argument value: (string content: (_) @name)))) @class
  (#any-of? @_maker "setClass" "setRefClass" "setClassUnion"))
(program (call function: (identifier) @_maker arguments: (arguments . (argument value: (string content: (_) @name)))) @function
  (#any-of? @_maker "setGeneric" "test_that" "describe"))
(program (call function: (identifier) @_maker
  arguments: (arguments . (argument value: (string content: (_) @name)) . (comma) . (argument value: (string content: (_) @receiver)))) @method
  (#any-of? @_maker "setMethod" "setReplaceMethod"))
(program (call function: (identifier) @_maker arguments: (arguments . (argument value: (string content: (_) @name)))) @method
  (#any-of? @_maker "setMethod" "setReplaceMethod" "setValidity"))
(call
  function: [(identifier) @_maker (namespace_operator rhs: (identifier) @_maker)]
  arguments: (arguments (argument value: (call function: (identifier) @_list
    arguments: (arguments (argument name: (identifier) @name value: (function_definition)) @method))))
  (#any-of? @_maker "R6Class" "setRefClass") (#eq? @_list "list"))
(call
  function: [(identifier) @_maker (namespace_operator rhs: (identifier) @_maker)]
  arguments: (arguments (argument value: (call function: (identifier) @_list
    arguments: (arguments (argument name: (identifier) @name) @field))))
  (#any-of? @_maker "R6Class" "setRefClass") (#any-of? @_list "list" "c"))

(program (binary_operator lhs: (identifier) @name operator: ["<-" "=" "<<-"]) @constant
  (#match? @name "^[A-Z][A-Z0-9_.]+$"))
(program (binary_operator lhs: (identifier) @name operator: ["<-" "=" "<<-"]) @variable)

;; references
(call function: [
  (identifier) @ref
  (namespace_operator rhs: (identifier) @ref)
  (extract_operator rhs: (identifier) @ref)])
(argument name: (identifier) @_inherit value: (identifier) @ref (#eq? @_inherit "inherit"))
(call function: (identifier) @_import
  arguments: (arguments . (argument value: [(identifier) @import (string content: (_) @import)]))
  (#any-of? @_import "library" "require" "requireNamespace" "loadNamespace" "source"))
(namespace_operator lhs: (identifier) @import)
