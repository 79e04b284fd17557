; SPDX-License-Identifier: FSL-1.1-MIT
(rule_set (selectors (_) @name)) @rule
(media_statement . (_) @name) @rule
(supports_statement . (_) @name) @rule
(keyframes_statement (keyframes_name) @name) @rule
(at_rule (at_keyword) . (keyword_query) @name) @rule
(at_rule (at_keyword) @name . (block)) @rule
(declaration . (property_name) @name (#match? @name "^--")) @variable

;; references
(call_expression (function_name) @_call (arguments . (plain_value) @ref) (#eq? @_call "var"))
(declaration . (property_name) @_key . (plain_value) @ref
  (#any-of? @_key "animation" "animation-name") (#not-match? @ref "^(none|inherit|initial|unset|revert)$"))
(import_statement (string_value) @import)
(import_statement (call_expression (arguments (string_value) @import)))
