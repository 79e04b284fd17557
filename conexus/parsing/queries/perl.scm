; SPDX-License-Identifier: FSL-1.1-MIT
(package_statement name: (package) @name (block) @end) @module @open
(package_statement name: (package) @name) @module @open
(subroutine_declaration_statement name: (bareword) @name) @function
(source_file (expression_statement (assignment_expression
  left: [(variable_declaration variable: (scalar (varname) @name)) (glob (varname) @name)]
  right: (anonymous_subroutine_expression)) @function))

; Constants and attributes that a pragma or a call declares.
(use_statement module: (package) @_pragma (list_expression . [(autoquoted_bareword) @name (string_literal content: (_) @name)])
  (#eq? @_pragma "constant")) @constant
(use_statement module: (package) @_pragma
  (anonymous_hash_expression (list_expression (autoquoted_bareword) @name)) (#eq? @_pragma "constant")) @constant
(expression_statement (ambiguous_function_call_expression function: (function) @_has
  . arguments: [(autoquoted_bareword) @name (string_literal content: (_) @name) (list_expression . [(autoquoted_bareword) @name (string_literal content: (_) @name)])])
  (#any-of? @_has "has" "option")) @field

; Variables of a file or of a package.
(source_file (expression_statement (assignment_expression left: (variable_declaration [
  variable: (_ (varname) @name)
  variables: (_ (varname) @name)]))) @variable)
(source_file (expression_statement (variable_declaration [
  variable: (_ (varname) @name)
  variables: (_ (varname) @name)])) @variable)
(package_statement (block (expression_statement (assignment_expression left: (variable_declaration
  variable: (_ (varname) @name)))) @variable))

;; references
(function_call_expression function: (function) @ref)
(ambiguous_function_call_expression function: (function) @ref)
(method_call_expression method: (method) @ref)
(method_call_expression invocant: (bareword) @ref)
(use_statement module: (package) @_base (list_expression (string_literal content: (_) @ref))
  (#any-of? @_base "parent" "base"))
(use_statement module: (package) @_base (string_literal content: (_) @ref) (#any-of? @_base "parent" "base"))
(use_statement module: (package) @import (#not-match? @import "^(strict|warnings|utf8|constant|parent|base|vars|lib|feature)$"))
(require_expression (bareword) @import)
