; SPDX-License-Identifier: FSL-1.1-MIT
(document (object (pair key: (string) @name) @key))
(document (object (pair value: (object (pair key: (string) @name) @key))))
