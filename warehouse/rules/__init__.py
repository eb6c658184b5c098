"""Rules of the plan that SQL is no good at; all others stand in dbt_project/, their versions in seeds/rules/."""
