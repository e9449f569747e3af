#include "pare/report/section.h"

namespace pare::report {

const std::vector<Section>& sections() {
  static const std::vector<Section> all{
      {"", "summary", summary},
      {"What each candidate costs", "trade-off", trade_off},
      {"Accuracy by method and width", "accuracy", accuracy_by_bits},
      {"Formats that were chosen", "formats", formats},
      {"Distributions and code points", "distributions", distributions},
      {"Fine-tuning", "fine-tuning", fine_tuning},
      {"Where the work is", "layers", layers},
      {"Time and memory of training", "training", training},
      {"Image pipeline", "pipelines", pipelines},
      {"Aggregation over a graph", "kernels", kernels},
      {"All candidates", "candidates", all_candidates},
      {"Conditions", "conditions", conditions},
  };
  return all;
}

}  // namespace pare::report
