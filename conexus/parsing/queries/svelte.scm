; SPDX-License-Identifier: FSL-1.1-MIT
;; references
((tag_name) @ref (#match? @ref "^[A-Z]"))
