; SPDX-License-Identifier: FSL-1.1-MIT
(function_definition name: (word) @name) @function
(command name: (command_name (word) @_test) argument: (string (string_content) @name) (#eq? @_test "@test")) @function

; Variables of a script, never those of a function.
(program (declaration_command "readonly" (variable_assignment name: (variable_name) @name)) @constant)
(program (declaration_command (word) @_option (variable_assignment name: (variable_name) @name)) @constant
  (#match? @_option "^-[a-zA-Z]*r"))
(program (declaration_command (variable_assignment name: (variable_name) @name)) @variable)
(program (variable_assignment name: (variable_name) @name) @variable)
(program (variable_assignments (variable_assignment name: (variable_name) @name) @variable))

;; references
(command name: (command_name (word) @ref)
  (#not-match? @ref "^(:|\\.|\\[|\\}|echo|printf|set|unset|shift|true|false|test|source|cd|return|exit|continue|break|read|eval|exec|trap|getopts|shopt|command|builtin|@test)$"))
(command name: (command_name (word) @_trap) argument: (word) @ref (#eq? @_trap "trap"))
(command name: (command_name (word) @_source)
  . argument: [(word) @import (string) @import (raw_string) @import (concatenation) @import]
  (#any-of? @_source "source" "."))
