// SPDX-License-Identifier: Apache-2.0
// Replay what a block's ports had in each cycle on its netlist, count the toggles of every net, and
// compare the outputs (ctypes).
#include <cstdint>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "Vreplay.h"
#include "verilated.h"
#include "verilated_saif_c.h"

namespace {

// The words of a hexadecimal number, least significant first.
template <class Wide>
void read(const std::string& text, Wide& to, size_t words) {
  for (size_t w = 0; w < words; w++) to[w] = 0;
  for (size_t k = 0; k < text.size(); k++) {
    const char c = text[text.size() - 1 - k];
    const uint32_t digit = c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
    if (k / 8 < words) to[k / 8] |= digit << 4 * (k % 8);
  }
}

}  // namespace

// captured: a line a cycle, inputs and outputs in hexadecimal, the first port in the upper bits.
// toggles: where the counts go (SAIF). Returns the cycles of the second half whose outputs differ.
extern "C" uint64_t kestrel_replay(const char* captured, const char* toggles) {
  std::ifstream in(captured);
  std::vector<std::pair<std::string, std::string>> cycles;
  for (std::string i, o; in >> i >> o;) cycles.emplace_back(i, o);
  VerilatedContext context;
  context.traceEverOn(true);
  Vreplay top{&context};
  VerilatedSaifC saif;
  top.trace(&saif, 99);
  saif.open(toggles);
  const size_t in_words = sizeof(top.in) / 4, out_words = sizeof(top.out) / 4;
  uint64_t time = 0, different = 0;
  std::vector<uint32_t> wanted(out_words);
  for (size_t k = 0; k < cycles.size(); k++) {
    read(cycles[k].first, top.in, in_words);
    top.clk = 0;
    top.eval();
    saif.dump(time++);
    read(cycles[k].second, wanted, out_words);
    bool equal = true;
    for (size_t w = 0; w < out_words; w++) equal &= top.out[w] == wanted[w];
    different += !equal && 2 * k >= cycles.size();
    top.clk = 1;
    top.eval();
    saif.dump(time++);
  }
  saif.close();
  return different;
}
