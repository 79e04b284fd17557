; SPDX-License-Identifier: FSL-1.1-MIT
; Components that JavaScript and TypeScript build in markup; joined to the queries of both.

;; references
(jsx_opening_element name: (identifier) @ref (#match? @ref "^[A-Z]"))
(jsx_self_closing_element name: (identifier) @ref (#match? @ref "^[A-Z]"))
(jsx_opening_element name: (member_expression property: (property_identifier) @ref))
(jsx_self_closing_element name: (member_expression property: (property_identifier) @ref))
