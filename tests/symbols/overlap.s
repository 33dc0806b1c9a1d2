# SPDX-License-Identifier: MIT
# overlap.s - debug information by hand (DWARF 4): functions that lie within others, written before
# and behind them. The smaller one has the address. Never run.
	.globl _start
	.text
_start:	.skip 16, 0x90
a:	.skip 16, 0x90
b:	.skip 16, 0x90
c:	.skip 16, 0x90
end:
	.section .debug_abbrev,"",@progbits
	.uleb128 1, 0x11
	.byte 1
	.uleb128 0x03, 0x08, 0x11, 0x01, 0x12, 0x07, 0, 0
	.uleb128 2, 0x2e
	.byte 0
	.uleb128 0x03, 0x08, 0x11, 0x01, 0x12, 0x07, 0, 0
	.uleb128 0
	.macro function name, from, to
	.uleb128 2
	.asciz "\name"
	.quad \from
	.quad \to - \from
	.endm
	.section .debug_info,"",@progbits
	.long 2f - 1f
1:	.value 4
	.long 0
	.byte 8
	.uleb128 1
	.asciz "overlap"
	.quad _start
	.quad end - _start
	function whole, _start, end
	function second, a, b
	function fourth, c, end
	function last_half, b, end
	.byte 0
2:
	.section .note.GNU-stack
