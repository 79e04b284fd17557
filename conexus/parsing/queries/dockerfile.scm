; SPDX-License-Identifier: FSL-1.1-MIT
; A stage goes from its FROM to the next: see conexus/parsing/outline.py.
(from_instruction as: (image_alias) @name) @rule
(from_instruction (image_spec name: (image_name) @name) !as) @rule
(arg_instruction name: (unquoted_string) @name) @variable
(env_pair name: (unquoted_string) @name) @variable

;; references
(from_instruction (image_spec) @import)
((from_instruction (image_spec name: (image_name) @ref)) (#not-match? @ref "[$]"))
(expansion (variable) @ref)
