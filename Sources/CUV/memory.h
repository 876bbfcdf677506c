#ifndef XTGATEWAY_CUV_MEMORY_H
#define XTGATEWAY_CUV_MEMORY_H

#include <link.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* What a process holds but does not need while nothing happens. */

/* The first members of struct dl_phdr_info, and its function: the headers show them only with _GNU_SOURCE, which would have to be
   set the same for every module. */
struct cuv_object {
  ElfW(Addr) base;
  const char *name;
  const ElfW(Phdr) *headers;
  ElfW(Half) count;
};
extern int cuv_each_object(int (*call)(struct cuv_object *, size_t, void *), void *data) __asm__("dl_iterate_phdr");

/* Code that was changed when it was loaded is not what the file holds. No library of a present distribution is built so. */
static inline int cuv_has_text_relocations(const struct cuv_object *object) {
  for (int i = 0; i < object->count; i++) {
    if (object->headers[i].p_type != PT_DYNAMIC) continue;
    const ElfW(Dyn) *entry = (const ElfW(Dyn) *)(object->base + object->headers[i].p_vaddr);
    for (; entry->d_tag != DT_NULL; entry++) {
      if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL))) return 1;
    }
  }
  return 0;
}

/* Unmaps the pages of a program's or library's code and constants; those that are used again come back from the page cache. Only segments
   that were never writable are touched: their pages hold what the file holds. */
static inline int cuv_release_object(struct cuv_object *object, size_t size, void *page_size) {
  (void)size;
  const uintptr_t page = *(const uintptr_t *)page_size;
  if (cuv_has_text_relocations(object)) return 0;
  for (int i = 0; i < object->count; i++) {
    const ElfW(Phdr) *segment = &object->headers[i];
    if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W)) continue;
    const uintptr_t start = (object->base + segment->p_vaddr) & ~(page - 1);
    const uintptr_t end = (object->base + segment->p_vaddr + segment->p_memsz + page - 1) & ~(page - 1);
    /* Refused for locked pages, which stay then. */
    madvise((void *)start, end - start, MADV_DONTNEED);
  }
  return 0;
}

/* Gives back free heap memory, and code that is not in use. No library is loaded or unloaded meanwhile: the loader holds its lock. */
static inline void cuv_release_memory(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  cuv_each_object(cuv_release_object, &page);
}

#endif
