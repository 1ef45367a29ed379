// SPDX-License-Identifier: GPL-2.0-or-later
/* Target descriptions: gdb's manual, appendix G. gdb wants the names, registers.c has the same
 * registers in the same order. */
#include "debug/gdb/stub.h"

#define R(name, bits, type) "<reg name=\"" name "\" bitsize=\"" bits "\" type=\"" type "\"/>"
#define F(name, bit)	    "<field name=\"" name "\" start=\"" bit "\" end=\"" bit "\"/>"
#define R32(name)	    R(name, "32", "int32")
#define HEAD(arch)                                                                                \
	"<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target>"              \
	"<architecture>" arch "</architecture><feature name=\"org.gnu.gdb.i386.core\">"           \
	"<flags id=\"i386_eflags\" size=\"4\">" F("CF", "0") F("", "1") F("PF", "2") F("AF", "4") \
		F("ZF", "6") F("SF", "7") F("TF", "8") F("IF", "9") F("DF", "10") F("OF", "11")   \
			F("NT", "14") F("RF", "16") F("VM", "17") F("AC", "18") F("VIF", "19")    \
				F("VIP", "20") F("ID", "21") "</flags>"
#define FLAGS_AND_SELECTORS              \
	R("eflags", "32", "i386_eflags") \
	R32("cs")                        \
	R32("ss")                        \
	R32("ds")                        \
	R32("es")                        \
	R32("fs")                        \
	R32("g"                          \
	    "s")
#define ST(n) R("st" n, "80", "i387_ext")
#define X87_AND_SSE                                                                               \
	ST("0")                                                                                   \
	ST("1")                                                                                   \
	ST("2")                                                                                   \
	ST("3")                                                                                   \
	ST("4")                                                                                   \
	ST("5")                                                                                   \
	ST("6")                                                                                   \
	ST("7")                                                                                   \
	R32("fctrl")                                                                              \
	R32("fstat")                                                                              \
	R32("ftag")                                                                               \
	R32("fiseg")                                                                              \
	R32("fioff")                                                                              \
	R32("foseg")                                                                              \
	R32("fooff")                                                                              \
		R32("fop") "</feature><feature name=\"org.gnu.gdb.i386.sse\">"                    \
			   "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"                \
			   "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"                \
			   "<vector id=\"v16b\" type=\"int8\" count=\"16\"/>"                     \
			   "<vector id=\"v4i\" type=\"int32\" count=\"4\"/>"                      \
			   "<vector id=\"v2l\" type=\"int64\" count=\"2\"/><union id=\"vec128\">" \
			   "<field name=\"v4_float\" type=\"v4f\"/><field name=\"v2_double\" "    \
			   "type=\"v2d\"/>"                                                       \
			   "<field name=\"v16_int8\" type=\"v16b\"/><field name=\"v4_int32\" "    \
			   "type=\"v4i\"/>"                                                       \
			   "<field name=\"v2_int64\" type=\"v2l\"/><field name=\"uint128\" "      \
			   "type=\"uint128\"/>"                                                   \
			   "</union>"
#define XMM(n)	 R("xmm" n, "128", "vec128")
#define XMM_LOW	 XMM("0") XMM("1") XMM("2") XMM("3") XMM("4") XMM("5") XMM("6") XMM("7")
#define XMM_HIGH XMM("8") XMM("9") XMM("10") XMM("11") XMM("12") XMM("13") XMM("14") XMM("15")
#define MXCSR_REG                                                                                  \
	"<flags id=\"i386_mxcsr\" size=\"4\">" F("IE", "0") F("DE", "1") F("ZE", "2") F("OE", "3") \
		F("UE", "4") F("PE", "5") F("DAZ", "6") F("IM", "7") F("DM", "8") F("ZM", "9")     \
			F("OM", "10") F("UM", "11") F("PM", "12") F("FZ", "15") "</flags>" R(      \
				"mxcsr", "32", "i386_mxcsr") "</feature>"
#define TAIL(bits, type)                                                              \
	"<feature name=\"veneer.control\">" R("cr0", bits, type) R("cr2", bits, type) \
		R("cr3", bits, type) R("cr4", bits, type) "</feature></target>"
#define R64(name) R(name, "64", "int64")

static const char description32[] =
	HEAD("i386") R32("eax") R32("ecx") R32("edx") R32("ebx") R("esp", "32", "data_ptr")
		R("ebp", "32", "data_ptr") R32("esi") R32("edi") R("eip", "32", "code_ptr")
			FLAGS_AND_SELECTORS X87_AND_SSE XMM_LOW MXCSR_REG TAIL("32", "int32");

static const char description64[] = HEAD("i386:x86-64") R64("rax") R64("rbx") R64("rcx") R64("rdx")
	R64("rsi") R64("rdi") R("rbp", "64", "data_ptr") R("rsp", "64", "data_ptr") R64("r8")
		R64("r9") R64("r10") R64("r11") R64("r12") R64("r13") R64("r14") R64("r15")
			R("rip", "64", "code_ptr")
				FLAGS_AND_SELECTORS X87_AND_SSE XMM_LOW XMM_HIGH MXCSR_REG
	"<feature name=\"org.gnu.gdb.i386.segments\">" R64("fs_base")
		R64("gs_base") "</feature>" TAIL("64", "int64");

const char *gdb_description(const struct gdb *s, unsigned *bytes)
{
	*bytes = s->code64 ? sizeof(description64) - 1 : sizeof(description32) - 1;
	return s->code64 ? description64 : description32;
}
