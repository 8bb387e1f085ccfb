// SPDX-License-Identifier: Apache-2.0
// A block around hls/sequencer.v in a shared library: packets in, its state out (ctypes).
//
// Both streams may stall (seeded): what comes out must not depend on it.
#include <cstdint>

#include "Vblock.h"
#include "verilated.h"

namespace {

constexpr int kSample = 0, kRead = 2;

struct Block {
  VerilatedContext context;
  Vblock* top = nullptr;
  uint64_t cycles = 0;
  uint32_t stall_seed = 0;  // 0: never stalls

  // Memories and registers without a reset start with random bits, as in a chip.
  explicit Block(int seed) {
    context.randReset(2);
    context.randSeed(seed);
    top = new Vblock{&context};
    top->s_valid = top->m_ready = 0;
    reset();
  }
  ~Block() {
    top->final();
    delete top;
  }

  bool stalls() {
    if (!stall_seed) return false;
    stall_seed ^= stall_seed << 13;
    stall_seed ^= stall_seed >> 17;
    stall_seed ^= stall_seed << 5;
    return (stall_seed & 7) < 3;
  }

  // Let the inputs settle before the next edge.
  void settle() {
    top->clk = 0;
    top->eval();
  }

  // The edge after `settle`.
  void edge() {
    top->clk = 1;
    top->eval();
    cycles++;
  }

  void clock() {
    settle();
    edge();
  }

  void reset() {
    top->rst = 1;
    top->s_valid = 0;
    clock();
    clock();
    top->rst = 0;
  }

  // Offer a packet; false when it is not taken within `limit` cycles.
  bool put(int command, const uint32_t* words, uint64_t count, uint64_t limit) {
    const uint64_t end = cycles + limit;
    uint64_t at = 0;
    bool offered = false;  // a word that was offered stays
    while (at < count && cycles < end) {
      offered = offered || !stalls();
      top->s_valid = offered;
      top->s_data = words[at];
      top->s_command = at == 0 ? command : 3;  // only the first word's counts
      settle();
      const bool taken = top->s_valid && top->s_ready;
      edge();
      if (taken) at++, offered = false;
    }
    top->s_valid = 0;
    return at == count;
  }

  // A sample of `inputs` words and its `results` for each of `count` calls; the calls that gave all.
  uint64_t calls(const uint32_t* words, uint64_t count, uint64_t inputs, uint32_t* out,
                 uint64_t results, uint64_t limit) {
    for (uint64_t k = 0; k < count; k++) {
      if (!put(kSample, words + k * inputs, inputs, limit)) return k;
      if (get(out + k * results, results, limit) != static_cast<int64_t>(results)) return k;
    }
    return count;
  }

  // Read the state; returns its words, or -1 when the last does not come within `limit` cycles.
  int64_t get(uint32_t* words, uint64_t room, uint64_t limit) {
    const uint64_t end = cycles + limit;
    const uint32_t nothing = 0;
    if (!put(kRead, &nothing, 1, limit)) return -1;
    uint64_t count = 0;
    while (cycles < end) {
      top->m_ready = !stalls();
      settle();
      const bool taken = top->m_valid && top->m_ready, last = top->m_last;
      if (taken && count < room) words[count] = top->m_data;
      edge();
      count += taken;
      if (taken && last) {
        top->m_ready = 0;
        return count;
      }
    }
    return -1;
  }
};

}  // namespace

extern "C" {
void* kestrel_block_new(int seed) { return new Block(seed); }
void kestrel_block_free(void* h) { delete static_cast<Block*>(h); }
void kestrel_block_reset(void* h) { static_cast<Block*>(h)->reset(); }
void kestrel_block_stall(void* h, uint32_t seed) { static_cast<Block*>(h)->stall_seed = seed; }
uint64_t kestrel_block_cycles(void* h) { return static_cast<Block*>(h)->cycles; }
void kestrel_block_run(void* h, uint64_t cycles) {
  while (cycles--) static_cast<Block*>(h)->clock();
}
int kestrel_block_put(void* h, int command, const uint32_t* words, uint64_t count, uint64_t limit) {
  return static_cast<Block*>(h)->put(command, words, count, limit);
}
int64_t kestrel_block_get(void* h, uint32_t* words, uint64_t room, uint64_t limit) {
  return static_cast<Block*>(h)->get(words, room, limit);
}
uint64_t kestrel_block_calls(void* h, const uint32_t* words, uint64_t count, uint64_t inputs,
                             uint32_t* out, uint64_t results, uint64_t limit) {
  return static_cast<Block*>(h)->calls(words, count, inputs, out, results, limit);
}
}
