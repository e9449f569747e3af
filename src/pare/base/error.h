// The one exception that pare throws for what a user can cause and mend.
#pragma once
#include <exception>
#include <string>

namespace pare {

/// What is wrong, where (file, node, option), and how to mend it; each a phrase without a full stop, `where` and `mend`
/// may be empty. Printed as one line: `where: what (mend)`. Programming mistakes are asserts, not Errors.
class Error : public std::exception {
 public:
  Error(std::string what, std::string where, std::string mend = {});

  const char* what() const noexcept override { return line_.c_str(); }
  const std::string& problem() const { return what_; }
  const std::string& where() const { return where_; }
  const std::string& mend() const { return mend_; }

 private:
  std::string what_, where_, mend_, line_;
};

/// A mistake in how the command was used (exit code 2), against a failure of the work itself (exit code 1).
class UsageError : public Error {
 public:
  using Error::Error;
};

/// `text` as one printable line: control characters (an outside file may hold any) become '?', long ones are cut.
std::string printable(const std::string& text, std::size_t longest = 120);

}  // namespace pare
