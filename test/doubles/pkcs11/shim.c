/* A PKCS#11 module that stands before a real one (SHIM_TARGET) and misbehaves on request: slow readers, pulled cards, lost
 * sessions. It notes each call in SHIM_DIR/calls, which outlives the process, so that a test can count logins across restarts.
 *
 * SHIM_DIR/faults holds lines `FUNCTION FROM TO ACTION ARG`: for the FROMth to TOth call of that function (counted in `calls`)
 *   rv N      answer N without asking the target      delay MS  wait, then ask the target
 *   then N    ask the target, but answer N
 *   flags N   (C_GetTokenInfo) set these flags too    none 0    (C_GetSlotList) no slot has a token
 *   crash 0   die as a faulty module does             hold 0    wait until SHIM_DIR/hold is gone, then ask the target
 *   blank N   (C_GetTokenInfo) slot N holds a token that nobody has initialised, as SoftHSM 2.6.1 always offers one: no label, no
 *             serial number, these flags
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pkcs11.h"

static CK_FUNCTION_LIST *target;
static CK_FUNCTION_LIST list;

struct fault {
  char action[16];
  unsigned long arg;
};

static int count_calls(const char *function) {
  char line[128];
  int count = 0;
  FILE *file = fopen(SHIM_DIR "/calls", "r");
  if (file == NULL) return 0;
  while (fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\n")] = 0;
    if (strcmp(line, function) == 0) count++;
  }
  fclose(file);
  return count;
}

static void pause_for(unsigned long ms) {
  struct timespec pause = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000L};
  while (nanosleep(&pause, &pause) != 0) {
  }
}

/* Notes the call and finds what it is to do instead. */
static struct fault note(const char *function) {
  struct fault found = {"", 0};
  FILE *calls = fopen(SHIM_DIR "/calls", "a");
  if (calls != NULL) {
    fprintf(calls, "%s\n", function);
    fclose(calls);
  }
  int number = count_calls(function);
  FILE *faults = fopen(SHIM_DIR "/faults", "r");
  if (faults == NULL) return found;
  char name[64], action[16];
  int from, to;
  long arg;
  while (fscanf(faults, "%63s %d %d %15s %li", name, &from, &to, action, &arg) == 5) {
    if (strcmp(name, function) != 0 || number < from || number > to) continue;
    strcpy(found.action, action);
    found.arg = (unsigned long)arg;
    break;
  }
  fclose(faults);
  if (strcmp(found.action, "delay") == 0) pause_for(found.arg);
  if (strcmp(found.action, "hold") == 0) {
    while (access(SHIM_DIR "/hold", F_OK) == 0) pause_for(2);
  }
  if (strcmp(found.action, "crash") == 0) abort();
  return found;
}

#define FORWARD(function, parameters, arguments)                                                                               \
  static CK_RV shim_##function parameters {                                                                                    \
    struct fault fault = note(#function);                                                                                      \
    if (strcmp(fault.action, "rv") == 0) return fault.arg;                                                                     \
    CK_RV rv = target->function arguments;                                                                                     \
    return strcmp(fault.action, "then") == 0 ? fault.arg : rv;                                                                 \
  }

FORWARD(C_Initialize, (CK_VOID_PTR args), (args))
FORWARD(C_Finalize, (CK_VOID_PTR reserved), (reserved))
FORWARD(C_OpenSession, (CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR app, CK_NOTIFY notify, CK_SESSION_HANDLE_PTR session),
        (slot, flags, app, notify, session))
FORWARD(C_Login, (CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG length),
        (session, user, pin, length))
FORWARD(C_FindObjectsInit, (CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR template, CK_ULONG count), (session, template, count))
FORWARD(C_DecryptInit, (CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key), (session, mechanism, key))
FORWARD(C_Decrypt,
        (CK_SESSION_HANDLE session, CK_BYTE_PTR in, CK_ULONG in_length, CK_BYTE_PTR out, CK_ULONG_PTR out_length),
        (session, in, in_length, out, out_length))

static CK_RV shim_C_GetSlotList(CK_BBOOL present, CK_SLOT_ID_PTR slots, CK_ULONG_PTR count) {
  struct fault fault = note("C_GetSlotList");
  if (strcmp(fault.action, "rv") == 0) return fault.arg;
  if (strcmp(fault.action, "none") == 0) {
    *count = 0;
    return CKR_OK;
  }
  return target->C_GetSlotList(present, slots, count);
}

static CK_RV shim_C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info) {
  struct fault fault = note("C_GetTokenInfo");
  if (strcmp(fault.action, "rv") == 0) return fault.arg;
  CK_RV rv = target->C_GetTokenInfo(slot, info);
  if (strcmp(fault.action, "flags") == 0) info->flags |= fault.arg;
  if (strcmp(fault.action, "blank") == 0 && fault.arg == slot) {
    memset(info->label, ' ', sizeof info->label);
    memset(info->serialNumber, ' ', sizeof info->serialNumber);
    info->flags = CKF_RNG | CKF_LOGIN_REQUIRED | CKF_RESTORE_KEY_NOT_NEEDED | CKF_SO_PIN_LOCKED | CKF_SO_PIN_TO_BE_CHANGED;
  }
  return rv;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR answer) {
  if (target == NULL) {
    void *module = dlopen(SHIM_TARGET, RTLD_NOW | RTLD_LOCAL);
    CK_C_GetFunctionList get = module == NULL ? NULL : (CK_C_GetFunctionList)dlsym(module, "C_GetFunctionList");
    if (get == NULL || get(&target) != CKR_OK) return CKR_GENERAL_ERROR;
    list = *target;
    list.C_Initialize = shim_C_Initialize;
    list.C_Finalize = shim_C_Finalize;
    list.C_GetSlotList = shim_C_GetSlotList;
    list.C_GetTokenInfo = shim_C_GetTokenInfo;
    list.C_OpenSession = shim_C_OpenSession;
    list.C_Login = shim_C_Login;
    list.C_FindObjectsInit = shim_C_FindObjectsInit;
    list.C_DecryptInit = shim_C_DecryptInit;
    list.C_Decrypt = shim_C_Decrypt;
  }
  *answer = &list;
  return CKR_OK;
}
