META
key;value
description;마을 예산
country;Korea
unit;Madang
instance;2023
num_projects;4
num_votes;5
budget;100
vote_type;approval
rule;greedy
date_begin;01.08.2023
date_end;25.08.2023
max_length;3
comment;"#1: 첫째 줄; 그리고 ""따옴표"""
PROJECTS
project_id;cost;votes;name;selected
p1;60;4;"놀이터; 그늘막";1
p2;50;3;"""느린"" 길";0
p3;40;2;도서관;1
p4;10;0;표지판;0
VOTES
voter_id;vote;age
1;p1,p2;31
2;p1,p3;45
3;p1,p2,p3;27
4;p2;63
5;p1;19
