META
key;value
budget;100
vote_type;approval
rule;greedy-exclusive
comment;#1: Projects 773 and 153 targeted the same area and could not be implemented simultaneously.
PROJECTS
project_id;cost;votes;selected
773;30;3;1
153;20;2;0
9;50;1;1
VOTES
voter_id;vote
1;773,153
2;773,153
3;773
4;9
