#pragma once

/* How many blocks of memory this process has asked for. */
unsigned long allocations(void);
