; SPDX-License-Identifier: FSL-1.1-MIT
; A heading's section goes to the next heading of its level: see conexus/parsing/outline.py.
(element . (start_tag . (tag_name) @_tag) . (_) @name
  (#match? @_tag "^[hH][1-6]$")) @section
(element . (_ . (tag_name) @_tag (attribute (attribute_name) @_key [(attribute_value) @name (quoted_attribute_value (attribute_value) @name)]))
  (#eq? @_key "id") (#not-match? @_tag "^[hH][1-6]$")) @section

;; references
(script_element (start_tag (attribute (attribute_name) @_key (quoted_attribute_value (attribute_value) @import)))
  (#eq? @_key "src"))
(element (_ . (tag_name) @_tag (attribute (attribute_name) @_key (quoted_attribute_value (attribute_value) @import)))
  (#any-of? @_tag "link" "iframe") (#any-of? @_key "href" "src"))
((tag_name) @ref (#match? @ref "-"))
