; SPDX-License-Identifier: FSL-1.1-MIT
; Terraform: a resource is known as its type and its name, `aws_instance.web`.
(body (block . (identifier) @_kind . (string_lit (template_literal) @receiver) . (string_lit (template_literal) @name)
  (#any-of? @_kind "resource" "data" "ephemeral" "source")) @resource)
(body (block . (identifier) @_kind . (string_lit (template_literal) @name)
  (#eq? @_kind "module")) @module)
(body (block . (identifier) @_kind . (string_lit (template_literal) @name)
  (#any-of? @_kind "variable" "output")) @variable)
(config_file (body (block . (identifier) @_kind (body (attribute . (identifier) @name) @variable)
  (#eq? @_kind "locals"))))
(config_file (body (attribute . (identifier) @name) @variable))
; Providers and the blocks of other tools: Nomad's jobs, Packer's builds, Consul's services.
(config_file (body (block . (identifier) @_kind . [(string_lit (template_literal) @name) (identifier) @name] . (block_start)
  (#not-match? @_kind "^(variable|output|module|locals|terraform)$")) @resource))

;; references
((variable_expr (identifier) @ref)
  (#not-match? @ref "^(var|local|data|module|path|terraform|each|count|self|string|number|bool|any)$"))
(get_attr (identifier) @ref)
(function_call (identifier) @ref)
(block . (identifier) @_kind (body (attribute . (identifier) @_key (expression (literal_value (string_lit (template_literal) @import))))
  (#eq? @_kind "module") (#eq? @_key "source")))
