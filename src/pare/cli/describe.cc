#include "pare/cli/describe.h"

#include <fmt/format.h>

namespace pare::cli {
namespace {

std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else if (c == '\n')
      out += "\n.br\n";
    else
      out += c;
  }
  return out;
}

void add_options(std::string& out, const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    out += fmt::format(".TP\n.B {}\n{}\n", roff(option->get_name(false, true)), roff(option->get_description()));
  }
}

std::vector<const CLI::App*> verbs(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

void add_verb(std::string& out, const CLI::App& verb, const std::string& name) {
  out += fmt::format(".SH {}\n{}\n", roff(name), roff(verb.get_description()));
  add_options(out, verb);
  out += ".PP\n" + roff(verb.get_footer()) + "\n";
  for (const CLI::App* inner : verbs(verb)) add_verb(out, *inner, name + " " + inner->get_name());
}

/// Of a verb and those within it.
std::string long_names(const CLI::App& app) {
  std::string out;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames())
      if (!option->get_group().empty()) out += (out.empty() ? "--" : " --") + name;
  if (app.get_parent() != nullptr)
    for (const CLI::App* inner : verbs(app)) out += " " + long_names(*inner);
  return out;
}

}  // namespace

std::string man_page(const CLI::App& app) {
  std::string out = fmt::format(".TH PARE 1 \"\" \"pare {}\"\n.SH NAME\npare \\- {}\n", PARE_VERSION,
                                "finds and removes the waste in a neural network");
  out += ".SH SYNOPSIS\n.B pare\n[options] verb [options]\n.SH DESCRIPTION\n" + roff(app.get_description()) + "\n";
  out += ".SH OPTIONS\n";
  add_options(out, app);
  for (const CLI::App* verb : verbs(app)) add_verb(out, *verb, verb->get_name());
  return out;
}

std::string bash_completion(const CLI::App& app) {
  std::string names, cases;
  for (const CLI::App* verb : verbs(app)) {
    names += (names.empty() ? "" : " ") + verb->get_name();
    cases += fmt::format("      {}) words=\"{} $global\" ;;\n", verb->get_name(), long_names(*verb));
  }
  return fmt::format(R"(_pare() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} verbs="{}" global="{}" words verb=
  for verb in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case " $verbs " in *" $verb "*) break ;; esac
    verb=
  done
  case $word in
    -*) case $verb in
{}      *) words=$global ;;
      esac
      COMPREPLY=($(compgen -W "$words" -- "$word")) ;;
    *) if [ -n "$verb" ]; then COMPREPLY=($(compgen -f -- "$word"))
      else COMPREPLY=($(compgen -W "$verbs" -- "$word")); fi ;;
  esac
}}
complete -o filenames -F _pare pare
)",
                     names, long_names(app), cases);
}

}  // namespace pare::cli
