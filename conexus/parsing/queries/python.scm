; SPDX-License-Identifier: FSL-1.1-MIT
(class_definition name: (identifier) @name) @class
(function_definition name: (identifier) @name) @function
(type_alias_statement left: (type (identifier) @name)) @type
(type_alias_statement left: (type (generic_type . (identifier) @name))) @type

; Aliases of types and classes made by a call.
(module (assignment left: (identifier) @name type: (type (identifier) @_kind)) @type
  (#eq? @_kind "TypeAlias"))
(module (assignment left: (identifier) @name right: (call function: (identifier) @_maker)) @type
  (#any-of? @_maker "TypeVar" "NewType" "ParamSpec" "TypeVarTuple"))
(module (assignment left: (identifier) @name right: (call function: (identifier) @_maker)) @class
  (#any-of? @_maker "namedtuple" "NamedTuple" "TypedDict" "make_dataclass"))
(module (assignment left: (identifier) @name right: (lambda)) @function)

; Names of a module, also of those that a condition or an import error chooses.
(module (assignment left: (identifier) @name) @constant
  (#match? @name "^_*[A-Z][A-Z0-9_]+$"))
(module (assignment left: (identifier) @name) @variable)
(module (assignment left: (pattern_list (identifier) @name)) @variable)
(module (assignment right: (assignment left: (identifier) @name) @variable))
(module [(if_statement (block (assignment left: (identifier) @name) @variable))
         (try_statement (block (assignment left: (identifier) @name) @variable))])
(module (_ [(elif_clause (block (assignment left: (identifier) @name) @variable))
            (else_clause (block (assignment left: (identifier) @name) @variable))
            (except_clause (block (assignment left: (identifier) @name) @variable))]))

; Names of a class: enum members are constants.
(class_definition
  superclasses: (argument_list [(identifier) @_base (attribute attribute: (identifier) @_base)])
  body: (block (assignment left: (identifier) @name !type) @constant)
  (#match? @_base "(Enum|Flag)$"))
(class_definition body: (block (assignment left: (identifier) @name) @field))
(class_definition body: (block (assignment left: (pattern_list (identifier) @name)) @field))
(class_definition body: (block (assignment right: (assignment left: (identifier) @name) @field)))

;; references
(call function: (identifier) @ref)
(call function: (attribute attribute: (identifier) @ref))
(class_definition superclasses: (argument_list (identifier) @ref))
(class_definition superclasses: (argument_list (attribute attribute: (identifier) @ref)))
(class_definition superclasses: (argument_list (subscript value: (identifier) @ref)))
(class_definition superclasses: (argument_list (subscript value: (attribute attribute: (identifier) @ref))))
(class_definition superclasses: (argument_list (keyword_argument value: (identifier) @ref)))
(decorator (identifier) @ref)
(decorator (attribute attribute: (identifier) @ref))
(type (identifier) @ref)
(type (attribute attribute: (identifier) @ref))
(type (generic_type (identifier) @ref))
(type (binary_operator [(identifier) @ref (attribute attribute: (identifier) @ref)]))
(union_type (type (identifier) @ref))
(raise_statement (identifier) @ref)
(except_clause [(identifier) @ref (tuple (identifier) @ref) (as_pattern (identifier) @ref)])
(except_clause [(attribute attribute: (identifier) @ref) (as_pattern (attribute attribute: (identifier) @ref))])
(import_from_statement name: (dotted_name (identifier) @ref))
(import_from_statement name: (aliased_import name: (dotted_name (identifier) @ref)))
(import_statement name: (dotted_name) @import)
(import_statement name: (aliased_import name: (dotted_name) @import))
(import_from_statement module_name: (_) @import)
