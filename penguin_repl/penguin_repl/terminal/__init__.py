"""Drawing on terminals with rich: themes, lines, tables and figures."""
