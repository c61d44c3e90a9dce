/* context_switch.S - leaves one stack and goes on with another.
 *
 *	void context_swap(void **left_sp, void *to_sp);
 *
 * Pushes what a function must preserve, stores the stack pointer in *left_sp, takes to_sp and pops the same
 * from there. A new stack is filled by first_frame() (context.c) as if it had been left in context_entry,
 * which calls a function that never returns. The unwinder stops at context_entry: there is no caller.
 *
 * In a file of assembler of its own because such an object carries no note that it works with a shadow stack
 * (CET), so that neither does a program it is linked into, and the C library leaves shadow stacks off: a
 * switch returns to where it was not called from, which a shadow stack forbids.
 */
	.text

#if defined(__x86_64__)

	.globl	context_swap
	.hidden	context_swap
	.type	context_swap, @function
	.p2align 4
context_swap:
	.cfi_startproc
	endbr64
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	subq	$8, %rsp
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	ldmxcsr	(%rsp)
	fldcw	4(%rsp)
	addq	$8, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret
	.cfi_endproc
	.size	context_swap, . - context_swap

/* rbx: the function, r12: its argument. */
	.globl	context_entry
	.hidden	context_entry
	.type	context_entry, @function
	.p2align 4
context_entry:
	.cfi_startproc
	.cfi_undefined rip
	endbr64
	movq	%r12, %rdi
	call	*%rbx
	ud2
	.cfi_endproc
	.size	context_entry, . - context_entry

#elif defined(__aarch64__)

	.globl	context_swap
	.hidden	context_swap
	.type	context_swap, %function
	.p2align 4
context_swap:
	.cfi_startproc
	hint	#34			/* bti c */
	sub	sp, sp, #160
	stp	x19, x20, [sp, #0]
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	stp	d8, d9, [sp, #96]
	stp	d10, d11, [sp, #112]
	stp	d12, d13, [sp, #128]
	stp	d14, d15, [sp, #144]
	mov	x9, sp
	str	x9, [x0]
	mov	sp, x1
	ldp	x19, x20, [sp, #0]
	ldp	x21, x22, [sp, #16]
	ldp	x23, x24, [sp, #32]
	ldp	x25, x26, [sp, #48]
	ldp	x27, x28, [sp, #64]
	ldp	x29, x30, [sp, #80]
	ldp	d8, d9, [sp, #96]
	ldp	d10, d11, [sp, #112]
	ldp	d12, d13, [sp, #128]
	ldp	d14, d15, [sp, #144]
	add	sp, sp, #160
	ret
	.cfi_endproc
	.size	context_swap, . - context_swap

/* x19: the function, x20: its argument. */
	.globl	context_entry
	.hidden	context_entry
	.type	context_entry, %function
	.p2align 4
context_entry:
	.cfi_startproc
	.cfi_undefined x30
	mov	x0, x20
	blr	x19
	brk	#1
	.cfi_endproc
	.size	context_entry, . - context_entry

#else
#error "context_swap has not been written for this processor"
#endif

	.section .note.GNU-stack, "", %progbits
