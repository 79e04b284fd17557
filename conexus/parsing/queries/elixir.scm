; SPDX-License-Identifier: FSL-1.1-MIT
(call target: (identifier) @_kind (arguments . (alias) @name) (#eq? @_kind "defmodule")) @module
(call target: (identifier) @_kind (arguments . (alias) @name) (#eq? @_kind "defprotocol")) @interface
(call target: (identifier) @_kind
  (arguments . (alias) @receiver (keywords (pair value: (alias) @name))) (#eq? @_kind "defimpl")) @class
(call target: (identifier) @_kind
  (arguments . (alias) @receiver (keywords (pair value: (list . (alias) @name)))) (#eq? @_kind "defimpl")) @class
(call target: (identifier) @_kind (arguments . (alias) @name .) (#eq? @_kind "defimpl")) @class

; The head of a function is a call or a name, with `when` before the guard, or an operator.
(call target: (identifier) @_kind
  (arguments . [
    (identifier) @name
    (call target: (identifier) @name)
    (binary_operator left: (identifier) @name operator: "when")
    (binary_operator left: (call target: (identifier) @name) operator: "when")])
  (#any-of? @_kind "def" "defp" "defdelegate" "defn" "defnp")) @function @clause
(call target: (identifier) @_kind
  (arguments . (binary_operator operator: _ @name))
  (#not-eq? @name "when")
  (#any-of? @_kind "def" "defp")) @function @clause
(call target: (identifier) @_kind
  (arguments . [
    (identifier) @name
    (call target: (identifier) @name)
    (binary_operator left: (identifier) @name operator: "when")
    (binary_operator left: (call target: (identifier) @name) operator: "when")])
  (#any-of? @_kind "defmacro" "defmacrop" "defguard" "defguardp")) @macro @clause
(call target: (identifier) @_kind (arguments . (binary_operator operator: _ @name))
  (#not-eq? @name "when") (#any-of? @_kind "defmacro" "defmacrop")) @macro @clause
(call target: (identifier) @_kind (arguments . (string (quoted_content) @name)) (#eq? @_kind "test")) @function

(call target: (identifier) @_kind
  (arguments . [(list (atom) @name @field) (list (keywords (pair key: (keyword) @name) @field)) (keywords (pair key: (keyword) @name) @field)])
  (#any-of? @_kind "defstruct" "defexception"))
(call target: (identifier) @_kind
  (arguments . (atom) @name) (#any-of? @_kind "field" "belongs_to" "has_many" "has_one" "embeds_one" "embeds_many" "many_to_many")) @field

(unary_operator operator: "@" operand: (call target: (identifier) @_kind
  (arguments . (binary_operator left: [(identifier) @name (call target: (identifier) @name)])))
  (#any-of? @_kind "type" "typep" "opaque")) @type
(unary_operator operator: "@" operand: (call target: (identifier) @_kind
  (arguments . (binary_operator left: [(identifier) @name (call target: (identifier) @name)
    (binary_operator left: (call target: (identifier) @name))])))
  (#any-of? @_kind "callback" "macrocallback")) @function
(unary_operator operator: "@" operand: (call target: (identifier) @name (arguments))
  (#not-match? @name "^((module|type)?doc|spec|typep?|opaque|(macro)?callback|optional_callbacks|behaviour|impl|deprecated|since|(module|describe)?tag|derive|enforce_keys|dialyzer|compile|(before|after)_compile|on_(load|definition)|external_resource|nifs)$")) @constant

;; references
(call target: (identifier) @ref
  (#not-match? @ref "^(def(p|n|np|macrop?|guardp?|delegate|module|protocol|impl|struct|exception)?|alias|import|require|use|if|unless|case|cond|with|for|quote|unquote|raise)$"))
(call target: (dot right: (identifier) @ref))
(alias) @ref
(binary_operator operator: "|>" right: (identifier) @ref)
(unary_operator operator: "&" operand: (binary_operator left: [(identifier) @ref (call target: (dot right: (identifier) @ref))]))
(unary_operator operator: "@" operand: (identifier) @ref)
; The head of a definition is no call.
(call target: (identifier) @_kind
  (arguments . [
    (call target: (identifier) @skip)
    (binary_operator left: (call target: (identifier) @skip))])
  (#any-of? @_kind "def" "defp" "defmacro" "defmacrop" "defguard" "defguardp" "defdelegate"))
(unary_operator operator: "@" operand: (call target: (identifier) @skip))
(unary_operator operator: "@" operand: (call (arguments . (binary_operator left: (call target: (identifier) @skip)))))
(call target: (identifier) @_kind (arguments . (alias) @skip) (#any-of? @_kind "defmodule" "defprotocol"))
(call target: (identifier) @_kind
  (arguments . [(alias) @import (dot left: (alias) @import)])
  (#any-of? @_kind "alias" "import" "require" "use"))
