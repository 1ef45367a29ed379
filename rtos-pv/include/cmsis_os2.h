/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CMSIS-RTOS2 API (Arm, version 2.1) as this kernel offers it: names, types, values and meaning
 * are the specification's, so that existing applications compile; the text is our own.
 * Ticks are milliseconds. Functions marked [ISR] may be called from interrupt handlers, with a
 * timeout of 0 where they take one; the others return osErrorISR there.
 */
#ifndef CMSIS_OS2_H_
#define CMSIS_OS2_H_

#include <stddef.h>
#include <stdint.h>

#define osWaitForever	      0xffffffffu

#define osFlagsWaitAny	      0u
#define osFlagsWaitAll	      1u
#define osFlagsNoClear	      2u
#define osFlagsError	      0x80000000u
#define osFlagsErrorUnknown   0xffffffffu
#define osFlagsErrorTimeout   0xfffffffeu
#define osFlagsErrorResource  0xfffffffdu
#define osFlagsErrorParameter 0xfffffffcu
#define osFlagsErrorISR	      0xfffffffau

#define osThreadDetached      0u
#define osThreadJoinable      1u
#define osThreadUnprivileged \
	2u /* runs in ring 3 and reaches the kernel by system calls (API 2.2) */
#define osThreadPrivileged 4u

#define osMutexRecursive   1u
#define osMutexPrioInherit 2u
#define osMutexRobust	   8u

typedef enum {
	osOK = 0,
	osError = -1,
	osErrorTimeout = -2,
	osErrorResource = -3,
	osErrorParameter = -4,
	osErrorNoMemory = -5,
	osErrorISR = -6,
	osStatusReserved = 0x7fffffff
} osStatus_t;

typedef enum {
	osKernelInactive = 0,
	osKernelReady = 1,
	osKernelRunning = 2,
	osKernelLocked = 3,
	osKernelSuspended = 4,
	osKernelError = -1,
	osKernelReserved = 0x7fffffff
} osKernelState_t;

typedef enum {
	osThreadInactive = 0,
	osThreadReady = 1,
	osThreadRunning = 2,
	osThreadBlocked = 3,
	osThreadTerminated = 4,
	osThreadError = -1,
	osThreadReserved = 0x7fffffff
} osThreadState_t;

typedef enum {
	osPriorityNone = 0,
	osPriorityIdle = 1,
	osPriorityLow = 8,
	osPriorityBelowNormal = 16,
	osPriorityNormal = 24,
	osPriorityAboveNormal = 32,
	osPriorityHigh = 40,
	osPriorityRealtime = 48,
	osPriorityISR = 56,
	osPriorityError = -1,
	osPriorityReserved = 0x7fffffff
} osPriority_t;

typedef enum { osTimerOnce = 0, osTimerPeriodic = 1 } osTimerType_t;

typedef void (*osThreadFunc_t)(void *argument);
typedef void (*osTimerFunc_t)(void *argument);
typedef void *osThreadId_t;
typedef void *osTimerId_t;
typedef void *osEventFlagsId_t;
typedef void *osMutexId_t;
typedef void *osSemaphoreId_t;
typedef void *osMemoryPoolId_t;
typedef void *osMessageQueueId_t;
typedef uint32_t TZ_ModuleId_t;

typedef struct {
	uint32_t api, kernel; /* major * 10^7 + minor * 10^4 + patch */
} osVersion_t;

typedef struct {
	const char *name;
	uint32_t attr_bits;
	void *cb_mem;
	uint32_t cb_size;
	void *stack_mem;
	uint32_t stack_size;
	osPriority_t priority;
	TZ_ModuleId_t tz_module;
	uint32_t reserved;
} osThreadAttr_t;

typedef struct {
	const char *name;
	uint32_t attr_bits;
	void *cb_mem;
	uint32_t cb_size;
} osTimerAttr_t;
typedef osTimerAttr_t osEventFlagsAttr_t;
typedef osTimerAttr_t osMutexAttr_t;
typedef osTimerAttr_t osSemaphoreAttr_t;

typedef struct {
	const char *name;
	uint32_t attr_bits;
	void *cb_mem;
	uint32_t cb_size;
	void *mq_mem; /* aligned for uint32_t */
	uint32_t mq_size;
} osMessageQueueAttr_t;

typedef struct {
	const char *name;
	uint32_t attr_bits;
	void *cb_mem;
	uint32_t cb_size;
	void *mp_mem;
	uint32_t mp_size;
} osMemoryPoolAttr_t;

osStatus_t osKernelInitialize(void);
osStatus_t osKernelGetInfo(osVersion_t *version, char *id_buf, uint32_t id_size);
osKernelState_t osKernelGetState(void);
osStatus_t osKernelStart(void);
int32_t osKernelLock(void);
int32_t osKernelUnlock(void);
int32_t osKernelRestoreLock(int32_t lock);
uint32_t osKernelGetTickCount(void); /* [ISR] */
uint32_t osKernelGetTickFreq(void);
uint32_t osKernelGetSysTimerCount(void); /* [ISR] */
uint32_t osKernelGetSysTimerFreq(void);

osThreadId_t osThreadNew(osThreadFunc_t func, void *argument, const osThreadAttr_t *attr);
const char *osThreadGetName(osThreadId_t thread);
osThreadId_t osThreadGetId(void);
osThreadState_t osThreadGetState(osThreadId_t thread);
uint32_t osThreadGetStackSize(osThreadId_t thread);
osStatus_t osThreadSetPriority(osThreadId_t thread, osPriority_t priority);
osPriority_t osThreadGetPriority(osThreadId_t thread);
osStatus_t osThreadYield(void);
osStatus_t osThreadSuspend(osThreadId_t thread);
osStatus_t osThreadResume(osThreadId_t thread);
osStatus_t osThreadDetach(osThreadId_t thread);
osStatus_t osThreadJoin(osThreadId_t thread);
void osThreadExit(void) __attribute__((noreturn));
osStatus_t osThreadTerminate(osThreadId_t thread);
uint32_t osThreadGetCount(void);

uint32_t osThreadFlagsSet(osThreadId_t thread, uint32_t flags); /* [ISR] */
uint32_t osThreadFlagsClear(uint32_t flags);
uint32_t osThreadFlagsGet(void);
uint32_t osThreadFlagsWait(uint32_t flags, uint32_t options, uint32_t timeout);

osStatus_t osDelay(uint32_t ticks);
osStatus_t osDelayUntil(uint32_t ticks);

osTimerId_t osTimerNew(osTimerFunc_t func, osTimerType_t type, void *argument,
		       const osTimerAttr_t *attr);
const char *osTimerGetName(osTimerId_t timer);
osStatus_t osTimerStart(osTimerId_t timer, uint32_t ticks);
osStatus_t osTimerStop(osTimerId_t timer);
uint32_t osTimerIsRunning(osTimerId_t timer);
osStatus_t osTimerDelete(osTimerId_t timer);

osEventFlagsId_t osEventFlagsNew(const osEventFlagsAttr_t *attr);
uint32_t osEventFlagsSet(osEventFlagsId_t flags_id, uint32_t flags);   /* [ISR] */
uint32_t osEventFlagsClear(osEventFlagsId_t flags_id, uint32_t flags); /* [ISR] */
uint32_t osEventFlagsGet(osEventFlagsId_t flags_id);		       /* [ISR] */
uint32_t osEventFlagsWait(osEventFlagsId_t flags_id, uint32_t flags, uint32_t options,
			  uint32_t timeout); /* [ISR] */
osStatus_t osEventFlagsDelete(osEventFlagsId_t flags_id);

osMutexId_t osMutexNew(const osMutexAttr_t *attr);
osStatus_t osMutexAcquire(osMutexId_t mutex, uint32_t timeout);
osStatus_t osMutexRelease(osMutexId_t mutex);
osThreadId_t osMutexGetOwner(osMutexId_t mutex);
osStatus_t osMutexDelete(osMutexId_t mutex);

osSemaphoreId_t osSemaphoreNew(uint32_t max_count, uint32_t initial_count,
			       const osSemaphoreAttr_t *attr);
osStatus_t osSemaphoreAcquire(osSemaphoreId_t semaphore, uint32_t timeout); /* [ISR] */
osStatus_t osSemaphoreRelease(osSemaphoreId_t semaphore);		    /* [ISR] */
uint32_t osSemaphoreGetCount(osSemaphoreId_t semaphore);		    /* [ISR] */
osStatus_t osSemaphoreDelete(osSemaphoreId_t semaphore);

osMemoryPoolId_t osMemoryPoolNew(uint32_t block_count, uint32_t block_size,
				 const osMemoryPoolAttr_t *attr);
void *osMemoryPoolAlloc(osMemoryPoolId_t pool, uint32_t timeout); /* [ISR] */
osStatus_t osMemoryPoolFree(osMemoryPoolId_t pool, void *block);  /* [ISR] */
uint32_t osMemoryPoolGetCapacity(osMemoryPoolId_t pool);
uint32_t osMemoryPoolGetCount(osMemoryPoolId_t pool);
osStatus_t osMemoryPoolDelete(osMemoryPoolId_t pool);

/* Messages of higher msg_prio come first; equals in their order. */
osMessageQueueId_t osMessageQueueNew(uint32_t msg_count, uint32_t msg_size,
				     const osMessageQueueAttr_t *attr);
osStatus_t osMessageQueuePut(osMessageQueueId_t queue, const void *msg, uint8_t msg_prio,
			     uint32_t timeout); /* [ISR] */
osStatus_t osMessageQueueGet(osMessageQueueId_t queue, void *msg, uint8_t *msg_prio,
			     uint32_t timeout); /* [ISR] */
uint32_t osMessageQueueGetCapacity(osMessageQueueId_t queue);
uint32_t osMessageQueueGetCount(osMessageQueueId_t queue);
uint32_t osMessageQueueGetSpace(osMessageQueueId_t queue);
osStatus_t osMessageQueueReset(osMessageQueueId_t queue);
osStatus_t osMessageQueueDelete(osMessageQueueId_t queue);

#endif
