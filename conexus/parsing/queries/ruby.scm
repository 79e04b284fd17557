; SPDX-License-Identifier: FSL-1.1-MIT
(module name: (constant) @name) @module
(module name: (scope_resolution scope: (_)? @receiver name: (constant) @name)) @module
(class name: (constant) @name) @class
(class name: (scope_resolution scope: (_)? @receiver name: (constant) @name)) @class

; Classes and modules made by a call: `Point = Struct.new(:x, :y)`.
(assignment
  left: [(constant) @name (scope_resolution scope: (_) @receiver name: (constant) @name)]
  right: (call receiver: (constant) @_maker method: (identifier) @_make)
  (#any-of? @_maker "Class" "Struct" "Data" "OpenStruct")
  (#any-of? @_make "new" "define")) @class
(assignment left: (constant) @name right: (call receiver: (constant) @_maker method: (identifier) @_make)
  (#eq? @_maker "Module") (#eq? @_make "new")) @module
(assignment left: (constant) @name) @constant
(assignment left: (scope_resolution scope: (_) @receiver name: (constant) @name)) @constant
(operator_assignment left: (constant) @name) @constant
(assignment left: (left_assignment_list (constant) @name)) @constant
(program (assignment left: (global_variable) @name) @variable)
(class body: (body_statement (assignment left: [(class_variable) (instance_variable)] @name) @field))
(module body: (body_statement (assignment left: [(class_variable) (instance_variable)] @name) @field))

; `private def name`, `memoize def name`.
(call !receiver arguments: (argument_list . (method name: (_) @name))) @method
(call !receiver arguments: (argument_list . (singleton_method object: (_) @receiver name: (_) @name))) @method
(program (method name: (_) @name) @function)
(method name: (_) @name) @method
(singleton_method object: (_) @receiver name: (_) @name) @method
(alias name: [(identifier) (constant) (setter) (operator) (simple_symbol)] @name) @method
(call !receiver method: (identifier) @_call arguments: (argument_list . [(simple_symbol) (string)] @name)
  (#any-of? @_call
    "alias_method" "define_method" "define_singleton_method" "scope" "attribute_method" "rb_define_method" "helper_method")) @method
(call !receiver method: (identifier) @_call arguments: (argument_list [(simple_symbol) (string)] @name)
  (#any-of? @_call
    "delegate" "def_delegators" "def_delegator" "def_instance_delegators" "instance_delegate")) @method
(call !receiver method: (identifier) @_call arguments: (argument_list [(simple_symbol) (string)] @name)
  (#match? @_call "^(c|m)?attr(_accessor|_reader|_writer|_internal)?$|^class_attribute$")) @field
(call !receiver method: (identifier) @_call arguments: (argument_list . [(simple_symbol) (string)] @name)
  (#any-of? @_call
    "belongs_to" "has_many" "has_one" "has_and_belongs_to_many" "attribute" "property" "field" "enum"
    "option" "let" "let!" "subject" "parameter")) @field
(call !receiver method: (identifier) @_call
  arguments: (argument_list . [(simple_symbol) @name (string) @name (pair key: (_) @name)])
  (#any-of? @_call "task" "multitask" "namespace")) @function

;; references
(call method: [(identifier) (constant)] @ref)
(superclass [(constant) @ref (scope_resolution name: (constant) @ref)])
(superclass (call receiver: (constant) @ref))
(call receiver: (constant) @ref)
(call receiver: (scope_resolution name: (constant) @ref))
(scope_resolution scope: (constant) @ref)
(scope_resolution name: (constant) @ref)
(argument_list (constant) @ref)
(exceptions [(constant) @ref (scope_resolution name: (constant) @ref)])
(block_argument (simple_symbol) @ref)
(when pattern: (pattern (constant) @ref))
(call method: (identifier) @_require arguments: (argument_list . (string (string_content) @import))
  (#any-of? @_require "require" "require_relative" "load" "gem" "import"))
(call method: (identifier) @_require arguments: (argument_list . (simple_symbol) (string (string_content) @import))
  (#eq? @_require "autoload"))
