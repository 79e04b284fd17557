; SPDX-License-Identifier: FSL-1.1-MIT
; A Kubernetes object: a document with a name in its metadata.
(document (block_node (block_mapping (block_mapping_pair
  key: (flow_node) @_outer
  value: (block_node (block_mapping (block_mapping_pair key: (flow_node) @_inner value: (flow_node) @name)))
  (#eq? @_outer "metadata") (#eq? @_inner "name"))) @resource))
(document (block_node (block_mapping (block_mapping_pair key: (flow_node) @name) @key)))
(document (block_node (block_mapping (block_mapping_pair
  value: (block_node (block_mapping (block_mapping_pair key: (flow_node) @name) @key))))))
(document (flow_node (flow_mapping (flow_pair key: (flow_node) @name) @key)))
; A list of named things, as Ansible's plays and tasks.
(document (block_node (block_sequence (block_sequence_item (block_node (block_mapping . (block_mapping_pair
  key: (flow_node) @_key value: (flow_node) @name))) (#any-of? @_key "name" "id" "key"))  @key)))

;; references
(alias (alias_name) @ref)
