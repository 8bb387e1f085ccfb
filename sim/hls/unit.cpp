// SPDX-License-Identifier: Apache-2.0
// A compiled unit of hls/gen in a shared library: operands in, results out (ctypes).
//
// With HANDSHAKE the unit has channels; both sides
// may stall (seeded), and the cycles from an accepted question to its answer are measured.
#include <cstdint>

#include "Vunit.h"
#include "verilated.h"

namespace {

void clock(Vunit& top) {
  top.clk = 0;
  top.eval();
  top.clk = 1;
  top.eval();
}

#ifdef HANDSHAKE
struct Random {
  uint32_t state;
  bool stalls() {
    if (!state) return false;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return (state & 7) < 3;
  }
};
#endif

}  // namespace

#ifdef HANDSHAKE
// words: (count, 3) root, x, y. Returns the longest latency, 0 when the unit hangs; `interval` gets
// the fewest cycles between two accepted questions. reset_after: questions, then a reset in the
// midst of the next one; what is not answered is asked again; 0 for none.
extern "C" int run(int64_t count, const uint32_t* words, uint32_t* out, uint32_t seed,
                   int64_t reset_after, int64_t* interval) {
  VerilatedContext context;
  context.threads(1);
  context.randReset(2);
  context.randSeed(7);
  Vunit top{&context};
  Random source{seed}, sink{seed * 2654435761u};
  int64_t asked = 0, answered = 0, now = 0, accepted = -1, longest = 0;
  *interval = INT64_MAX;
  bool offering = false, resetting = false;
  auto reset = [&] {
    top.rst = 1;
    top.question_valid = top.answer_ready = 0;
    clock(top);
    clock(top);
    top.rst = 0;
    offering = false;
    accepted = -1;
  };
  reset();
  int64_t idle = 0;
  while (answered < count && idle < 1000) {
    if (!resetting && reset_after && asked == reset_after + 1) {
      for (int i = 0; i < 9; ++i) clock(top);
      reset();
      resetting = true;
      asked = answered;  // an answer that stood at the output is lost, too
    }
    offering = offering || (asked < count && !source.stalls());
    top.question_valid = offering;
    if (offering) {
      const uint32_t* w = words + 3 * asked;
      top.question_data[0] = w[2];
      top.question_data[1] = w[1];
      top.question_data[2] = w[0] & 1;
    }
    top.answer_ready = !sink.stalls();
    top.clk = 0;
    top.eval();
    const bool taken = top.question_valid && top.question_ready;
    const bool given = top.answer_valid && top.answer_ready;
    if (given) {
      out[answered++] = top.answer_data;
      if (now - accepted > longest) longest = now - accepted;
    }
    if (taken) {
      if (accepted >= 0 && now - accepted < *interval) *interval = now - accepted;
      accepted = now;
      ++asked;
      offering = false;
    }
    idle = given ? 0 : idle + 1;
    top.clk = 1;
    top.eval();
    ++now;
  }
  top.final();
  return answered == count ? static_cast<int>(longest) : 0;
}
#else
// words: (count, 2) x, y, one a cycle; out[i] is what stands at the output `latency` cycles later.
extern "C" int run(int64_t count, const uint32_t* words, uint32_t* out, int64_t latency) {
  VerilatedContext context;
  context.threads(1);
  context.randReset(2);
  context.randSeed(7);
  Vunit top{&context};
  for (int64_t i = 0; i < count + latency; ++i) {
    const int64_t k = i < count ? i : count - 1;
    top.x = words[2 * k];
    top.y = words[2 * k + 1];
    clock(top);
    // Edge i has taken operands i in: they come out at edge i + latency - 1.
    if (i >= latency - 1 && i - latency + 1 < count) out[i - latency + 1] = top.out;
  }
  top.final();
  return 1;
}
#endif
